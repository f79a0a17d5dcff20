"""The cache of decoded stamps, and the real folder where it is installed."""

import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from stamps_folder import NAMES, make_folder

from mmjax.data import splits
from mmjax.data.datasets import stamps_cache, stamps_files
from mmjax.data.datasets.stamps import CATEGORIES, Stamps
from mmjax.data.errors import RecordError

REAL = '/usr/share/tuxpaint/stamps'


def _stamp(stamps: Stamps, number: int):
  """One stamp, as the view 'default' lays it out."""
  for split in ('train', 'validation', 'test'):
    for row in stamps.source(split):
      if row['stamp'].name == f'{NAMES[number]}.txt':
        return row
  raise AssertionError(number)


def _names(source) -> list[str]:
  return [row['stamp'].name for row in source]


def test_decoding_happens_once_for_each_state_of_a_folder(
  tmp_path, monkeypatch
):
  root = make_folder(tmp_path / 'root')
  stamps = Stamps(root=str(root), cache=str(tmp_path / 'cache'))
  first = _names(stamps.source('train'))

  def never(*args):
    raise AssertionError('built again')

  with monkeypatch.context() as patch:
    patch.setattr(stamps_cache, '_build', never)
    assert _names(stamps.source('train')) == first
    (root / f'{NAMES[1]}.txt').write_text('Something else.')
    with pytest.raises(AssertionError, match='built again'):
      stamps.source('train')
  assert _stamp(stamps, 1)['stamp'].texts == {'en': 'Something else.'}


def test_unreadable_files_are_named_or_skipped(tmp_path, caplog):
  root = make_folder(tmp_path / 'root')
  picture, sound = f'{NAMES[1]}.png', f'{NAMES[2]}_desc_ca.ogg'
  text = f'{NAMES[3]}.txt'
  (root / picture).write_bytes((root / picture).read_bytes()[:50])
  (root / sound).write_bytes(b'noise')
  (root / text).write_bytes(b'\xff\xfe')
  options = {'root': str(root), 'cache': str(tmp_path / 'cache')}
  skip = Stamps(**options, on_error='skip')
  with caplog.at_level(logging.WARNING):
    for _ in range(2):
      skip.source('train')
  (record,) = caplog.records  # told once
  assert 'skipped 3 unreadable files' in record.message
  for name in (picture, sound, text):
    assert f'{root}/{name}' in record.message
  example = skip.prepare(_stamp(skip, 1), None)
  assert not example['mask']['image']
  assert example['mask']['text'].any()
  assert example['mask']['audio'].any()
  # The next language that can be read.
  assert _stamp(skip, 2)['audio'] == 'el'
  example = skip.prepare(_stamp(skip, 3), None)
  assert not example['mask']['text'].any()
  assert example['mask']['image']
  # What was cached with `skip` does not hide the errors from `raise`.
  with pytest.raises(
    RecordError,
    match=rf'{picture}: cannot read this picture.*2 more.*--data.on-error skip',
  ) as error:
    Stamps(**options).source('train')
  assert error.value.file == str(root / picture)


_KILL = """
import os, signal, sys
from mmjax.data.datasets import stamps_builder
from mmjax.data.datasets.stamps import Stamps
decode, n = stamps_builder.decode_stamp, 0
def killed(*args):
  global n
  n += 1
  if n == 22: os.kill(os.getpid(), signal.SIGKILL)
  return decode(*args)
stamps_builder.decode_stamp = killed
Stamps(root=sys.argv[1], cache=sys.argv[2]).source('train')
"""
_READ = """
import sys
from mmjax.data.datasets.stamps import Stamps
stamps = Stamps(root=sys.argv[1], cache=sys.argv[2])
stamps.check()
rows = [r for s in ('train', 'validation', 'test') for r in stamps.source(s)]
clips = [clip for row in rows for clip in row['stamp'].speech.values()]
stamps.prepare(rows[0], None)
print(len(rows), sum(map(len, clips)), 'tensorflow' in sys.modules)
"""


@pytest.mark.slow
def test_killed_then_prepared_by_two_processes_without_tensorflow(tmp_path):
  folder, cache = make_folder(tmp_path / 'root'), tmp_path / 'cache'

  def start(program):
    return subprocess.Popen(
      [sys.executable, '-c', program, str(folder), str(cache)],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      cwd=Path(__file__).parents[2],
    )

  killed = start(_KILL)
  killed.communicate()
  assert killed.returncode == -9
  assert list(cache.glob('stamps/*/stamps_builder/*incomplete*'))
  both = [start(_READ), start(_READ)]
  results = [process.communicate() for process in both]
  # One of the two prepares, with its progress on stderr; the other waits.
  for out, err in results:
    assert out == f'{len(NAMES)} {1600 * 5 * 18} False\n', err
  assert sorted('Preparing stamps' in err for _, err in results) == [
    False,
    True,
  ]
  assert not list(cache.glob('stamps/*/stamps_builder/*incomplete*'))


@pytest.mark.skipif(not os.path.isdir(REAL), reason='stamps not installed')
def test_the_debian_package_holds_what_we_know_of_it():
  listing = stamps_files.scan(REAL, categories=CATEGORIES)
  tests = [s for s in listing.stamps if splits.is_test(s.text)]
  assert len(listing.stamps) == 952
  assert len(tests) == 224
  assert {s.category for s in listing.stamps} == set(CATEGORIES)
  assert sum(not s.speech for s in listing.stamps) == 25
  assert sum(not s.speech for s in tests) == 6
  ends = Counter(s.picture and s.picture[-3:] for s in listing.stamps)
  assert ends == {'png': 785, 'svg': 165, None: 2}
  spoken = Counter(language for s in listing.stamps for language in s.speech)
  assert sorted(spoken) == list(Stamps().spoken)
  assert sum(spoken.values()) == 7392
  assert spoken['en'] == 65
  texts = [stamps_files.read_texts(f'{REAL}/{s.text}') for s in tests]
  assert sum(language in t for t in texts for language in Stamps().written) == (
    3349
  )


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir(REAL), reason='stamps not installed')
def test_every_file_of_the_debian_package_can_be_read():
  stamps = Stamps(train_on='train_and_validation')
  train, test = stamps.source('train'), stamps.source('test')
  assert (len(train), len(test)) == (728, 224)
  speech = [len(row['stamp'].speech) for rows in (train, test) for row in rows]
  assert sum(speech) == 7392
