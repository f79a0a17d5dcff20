"""More than a thousand malformed inputs through the commands: one line each."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmjax.apps.cli import main
from mmjax.apps.search import Index
from tests.apps import malformed, tiny_run
from tests.data.sources.broken import PNG, change

pytest.importorskip('lancedb')
pytestmark = pytest.mark.slow
SECONDS = 60  # of one command, on a busy machine
SOUNDS = ('wav', 'flac', 'ogg', 'mp3')


@pytest.fixture(scope='module')
def run_folder(tmp_path_factory):
  return tiny_run.make(tmp_path_factory.mktemp('run') / 'tiny')


@pytest.fixture(scope='module')
def opened(run_folder):
  """One checkpoint for all commands: they would open it some hundred times."""
  from mmjax.apps.opening import open_checkpoint

  return open_checkpoint(run_folder, batch_size=32)


@pytest.fixture
def run(capsys, monkeypatch, opened):
  from mmjax.apps import search, search_command, texts

  for module in (search, search_command, texts):
    monkeypatch.setattr(module, 'open_checkpoint', lambda *a, **k: opened)

  def late(*_):
    raise AssertionError('this takes too long')

  def run(*words):
    old = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
      code = main([str(word) for word in words])
    except SystemExit as end:
      code = end.code
    finally:
      signal.alarm(0)
      signal.signal(signal.SIGALRM, old)
    said = capsys.readouterr()
    assert 'Traceback' not in said.out + said.err
    return code, said.out, said.err

  return run


BAD = {
  'link.png', 'loop.png', 'pipe.wav', 'huge.png', 'sound.png', 'picture.wav',
  'empty.png', 'noise.svg', 'latin.txt', 'zip.gif', 'eps.jpg',
}  # fmt: skip


@pytest.fixture(scope='module')
def bad(tmp_path_factory):
  """A folder of them, with links and a pipe, and a secret beside it."""
  root = tmp_path_factory.mktemp('bad') / 'data'
  root.mkdir()
  secret = root.parent / 'secret.png'
  Image.new('RGB', (8, 8), (1, 200, 3)).save(secret)
  for name, data in malformed.contents(secret):
    (root / name).write_bytes(data)
  (root / 'link.png').symlink_to(secret)
  (root / 'loop.png').symlink_to(root / 'loop.png')
  os.mkfifo(root / 'pipe.wav')
  assert len(list(root.iterdir())) > 1000
  for suffix, data in malformed.good_files().items():
    (root / 'good' / suffix).mkdir(parents=True)
    (root / f'good/{suffix}/{suffix}.{suffix}').write_bytes(data)
  return root


def indexed(index):
  """Vectors by the name of the file."""
  rows = Index(index).store._rows(['path', 'vector']).to_pylist()
  assert all(np.isfinite(row['vector']).all() for row in rows)
  return {os.path.basename(row['path']): row['vector'] for row in rows}


def test_an_index_holds_what_is_good(run, run_folder, bad, tmp_path):
  index = tmp_path / 'index'
  words = ['search', 'index', '--checkpoint', run_folder, '--source', bad]
  # Nothing but broken files: no index, and no folder for one.
  only = tmp_path / 'only'
  only.mkdir()
  (only / 'a.png').write_bytes(b'broken')
  code, out, err = run(*words[:-1], only, '--index', index)
  assert (code, out) == (2, '')
  assert err.strip().splitlines()[-1].startswith('error: nothing of')
  assert not index.exists()
  code, out, err = run(*words, '--index', index, '--json')
  assert code == 0
  assert json.loads(out)['unreadable'] > 300
  assert 'left out: ' in err
  there = indexed(index)
  assert {
    f'{suffix}.{suffix}' for suffix in malformed.good_files()
  } <= there.keys()
  assert not there.keys() & BAD
  # What a drawing names is not in it.
  np.testing.assert_array_equal(there['names.svg'], there['nothing.svg'])
  assert sorted(os.listdir(index)) == ['.lock', 'index.json', 'items.lance']


def test_a_command_itself_says_one_line_of_each(run_folder, bad):
  """In a process of its own, with nothing in place of anything."""
  sounds = [f for f in sorted(bad.iterdir()) if f.suffix == '.flac']
  words = ['transcribe', '--checkpoint', run_folder, '--json', *sounds]
  made = subprocess.run(
    [sys.executable, '-m', 'mmjax.apps.cli', *map(str, words)],
    cwd=Path(__file__).parents[2],
    env={**os.environ, 'XLA_FLAGS': ''},
    capture_output=True,
    text=True,
    timeout=300,
    check=False,
  )
  assert made.returncode in (0, 2)
  found = json.loads(made.stdout)
  assert [one['path'] for one in found] == [str(f) for f in sounds]
  failed = [one for one in found if 'error' in one]
  assert len(failed) > 50
  told = [x for x in made.stderr.splitlines() if 'only the first' not in x]
  assert len(told) == len(failed)
  assert all(line.startswith('error: ') for line in told)


def test_an_inspection_tells_of_all(run, bad, tmp_path):
  sheet = tmp_path / 'sheet.png'
  words = ['data', 'inspect', bad, '--sheet', sheet, '--json']
  code, out, _ = run(*words, '--limit', '99999', '--image-size', '8')
  assert code == 0
  told = json.loads(out)
  assert len(told['broken']) > 300
  assert not any('\n' in line for line in told['broken'])
  with Image.open(sheet) as image:
    assert image.size[0] > 100
  assert sorted(os.listdir(tmp_path)) == ['sheet.png']


def test_rows_of_manifests(run, run_folder, tmp_path):
  root = tmp_path / 'data'
  root.mkdir()
  Image.new('RGB', (8, 8)).save(tmp_path / 'secret.png')
  (root / 'link.png').symlink_to(tmp_path / 'secret.png')
  os.mkfifo(root / 'pipe')
  (root / 'a.png').write_bytes(PNG)
  lines = dict.fromkeys(x.replace('\n', ' ') for x in malformed.rows())
  assert len(lines) > 250
  text = '\n'.join([json.dumps({'image': 'a.png', 'label': 'a'}), *lines])
  manifest = root / 'all.jsonl'
  manifest.write_bytes(text.encode('utf-8', 'surrogateescape'))
  words = ['--checkpoint', run_folder, '--source', manifest]
  code, out, err = run(
    'search', 'index', *words, '--index', tmp_path / 'index', '--json'
  )
  assert (code, 'error: ' in err) == (0, False)
  told = json.loads(out)
  assert told['unreadable'] > 120
  there = indexed(tmp_path / 'index')
  assert 'a.png' in there
  assert not there.keys() & {'secret.png', 'passwd', 'link.png', 'zero'}
  code, out, _ = run(
    'data', 'inspect', manifest, '--sheet', tmp_path / 's.png', '--json'
  )
  assert code == 0
  assert len(json.loads(out)['broken']) > 120


def test_tables_and_shards_that_are_broken(run, tmp_path):
  from tests.data.sources import same_data

  rng = random.Random(0)
  few = same_data.stamps(4)
  count = 0
  for name in ('jsonl', 'csv', 'parquet', 'tars'):
    root = same_data.WRITERS[name](tmp_path / name, few)
    file = root if root.is_file() else sorted(root.glob('*.tar'))[0]
    good = file.read_bytes()
    for _ in range(25):
      file.write_bytes(change(good, rng))
      code, out, err = run(
        'data', 'inspect', file, '--sheet', tmp_path / 's.png', '--json',
        '--cache', tmp_path / 'cache',
      )  # fmt: skip
      assert code in (0, 2)
      assert (code == 2) == err.startswith('error: ') == (not out)
      assert err.count('\n') == (code == 2)
      count += code == 2 or bool(json.loads(out)['broken'])
  assert count > 50


def test_queries_and_transcripts_get_one_line(run, run_folder, bad, tmp_path):
  index = tmp_path / 'index'
  good = tmp_path / 'good'
  good.mkdir()
  (good / 'a.png').write_bytes(PNG)
  words = ['--checkpoint', run_folder]
  assert (
    run('search', 'index', *words, '--source', good, '--index', index)[0] == 0
  )
  query = ['search', 'query', '--index', index, '--json']
  before = sorted(p.name for p in index.rglob('*'))
  count = 0
  # Every file was indexed above; here some of each kind are asked with.
  files = [
    *sorted(bad.glob('*.*'))[::4], bad, bad / 'gone.png', '/dev/zero',
    '/proc/self/mem', '', 'a\0b', 'x' * 5000, 'http://localhost/a.png',
    '~nobody/a.png', bad / 'pipe.wav', bad / 'loop.png', bad / 'huge.png',
  ]  # fmt: skip
  for file in files:
    sounds = str(file).endswith(SOUNDS)
    option = '--audio' if sounds else '--image'
    code, out, err = run(*query, option, file)
    assert code in (0, 2)
    if code == 2:
      assert out == ''
      assert err.startswith('error: ')
      assert err.count('\n') == 1
      count += 1
    if sounds:
      code, out, err = run('transcribe', *words, file)
      assert code in (0, 2)
      assert (code == 2) == ('error: ' in err)
  for text in ('', ' ', '\0', 'é\u0301' * 10**4, '\ud800', "'; DROP TABLE"):
    code, out, err = run(*query, '--text', text)
    assert code in (0, 2)
    assert (code == 2) == err.startswith('error: ')
  for where in ("label = '", 'x' * 10**5, '(' * 200, "path = '/etc/passwd'"):
    code, out, err = run(*query, '--text', 'a', '--where', where)
    assert code in (0, 2)
    assert err.count('\n') <= 1
  assert count > 100
  assert sorted(p.name for p in index.rglob('*')) == before
