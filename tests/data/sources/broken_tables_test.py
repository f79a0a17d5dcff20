"""Tables and shards that are broken are errors that name them and the row."""

import io
import os
import random
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmjax.data import RecordError, eval_batches, train_batches
from mmjax.data.sources import Records
from mmjax.types import InputError
from tests.data.sources import same_data
from tests.data.sources.broken import (
  PNG,
  SMALL,
  WAV,
  change,
  manifest,
  read_all,
)

BAD_LINES = [
  ('{"label": ', 'Expecting value'),
  ('[1, 2]', 'no JSON object'),
  ('"x"', 'no JSON object'),
  ('[' * 100_000, 'recursion'),
  ('{"label": ' + '9' * 5000 + '}', 'integer string conversion'),
  ('{"image": 7, "label": "a"}', 'image is 7, not the name of a file'),
  ('{"text": ["a"], "label": "a"}', 'text is a list'),
  ('{"label": {"a": 1}}', 'label is a dict'),
  ('{"label": 1.5}', 'label 1.5 is neither a word nor an integer'),
  ('{"label": Infinity}', 'label inf is neither a word nor an integer'),
  ('{"label": "a", "split": "tomorrow"}', "split 'tomorrow' is none of"),
  ('{"label": "\udcff"}', 'not UTF-8'),
]


@pytest.mark.parametrize(('line', 'message'), BAD_LINES)
def test_a_broken_line_is_told_before_training(line, message, tmp_path):
  file = manifest(tmp_path / 'data', line, good=2)
  data = Records(root=str(file), **SMALL)
  with pytest.raises(RecordError, match='row 3: ') as error:
    data.check()
  assert message in str(error.value)


def test_broken_lines_are_skipped_and_counted(tmp_path):
  file = manifest(tmp_path / 'data', '{"label": ', '[]', good=40)
  skipping = Records(root=str(file), on_error='skip', **SMALL)
  skipping.check()
  seen = []
  for split in ('train', 'validation', 'test'):
    with eval_batches(skipping, split, batch_size=8) as batches:
      weight = sum(int(b['weight'].sum()) for b in batches)
      seen.append((weight, len(batches.skipped)))
  assert [sum(x) for x in zip(*seen, strict=True)] == [40, 2]


def test_a_broken_file_is_skipped_in_training(tmp_path):
  file = manifest(
    tmp_path / 'data',
    {'image': 'none.png', 'label': 'a', 'split': 'train'},
    good=40,
  )
  data = Records(root=str(file), on_error='skip', **SMALL)
  rows = len(data.source('train'))
  with train_batches(data, batch_size=rows, seed=0) as batches:
    batch = next(batches)
    (reason,) = batches.skipped.values()
  assert reason.endswith('row 41: image none.png: no such file')
  assert batch['weight'].sum() == rows - 1
  lost = batch['weight'] == 0
  assert not batch['mask']['image'][lost].any()


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('', 'the header is missing'),
    ('image,image\na,b\n', "the header names 'image' twice"),
    ('a,b\n1,2\n', 'has the columns a, b: none of them is one of image'),
    ('label,text\n', 'holds no records'),
    ('label,text\na\n', 'row 2: this row has 1 cells, the header 2'),
    ('label,text\na,b\na,b,c\n', 'row 3: this row has 3 cells, the header 2'),
    ('label,text\na,"b' + 'x' * 200_000 + '\n', 'row 2: '),
    ('label,text\na,"' + '\n\n' + 'b\nc,"d\n', 'row 2: '),
    ('\0\0\0', 'none of them is one of'),
  ],
)
def test_a_broken_table_says_what_is_wrong(text, message, tmp_path):
  file = tmp_path / 'all.csv'
  file.write_text(text)
  with pytest.raises(InputError, match='all.csv') as error:
    Records(root=str(file), **SMALL).check()
  assert message in str(error.value)


def test_a_table_of_quotes_lines_and_semicolons(tmp_path):
  file = tmp_path / 'all.csv'
  file.write_text(
    '\ufefftext;label;more\n"a;\nb";0;x\n\n"say ""so""";10;x\n;9;x\n'
  )
  opened = Records(root=str(file), **SMALL).opened
  found = [opened.source[i] for i in range(3)]
  assert [r.cells.get('text') for r in found] == ['a;\nb', 'say "so"', None]
  assert [r.row for r in found] == [2, 5, 6]
  assert opened.labels == ('0', '9', '10')
  assert opened.modalities == ('text',)


def tar(root, members):
  root.mkdir(exist_ok=True)
  file = root / 'a.tar'
  with tarfile.open(file, 'w') as out:
    for name, data in members.items():
      info = tarfile.TarInfo(name)
      if isinstance(data, str):
        info.type, info.linkname = tarfile.SYMTYPE, data
        out.addfile(info)
      else:
        info.size = len(data)
        out.addfile(info, io.BytesIO(data))
  return file


def test_members_of_a_tar_are_bytes_and_nothing_else(tmp_path):
  file = tar(
    tmp_path / 'data',
    {
      '../../x.png': PNG,
      '/etc/y.png': PNG,
      'z.png': '../../../secret.png',
      'w.json': b'{"image": "../secret.png", "label": "a"}',
      'v.json': b'{"label": ["a"]}',
      'u.json': b'[]',
      't.cls': b'\xff',
    },
  )
  data = Records(root=str(file), cache=str(tmp_path / 'cache'), **SMALL)
  errors = read_all(data)
  assert data.opened.counts['image'] == 2
  assert [e.split(': ', 1)[1].split(':')[0] for e in errors] == ['v', 'u', 't']
  assert sorted(p.name for p in (tmp_path / 'data').iterdir()) == ['a.tar']


def test_a_shard_that_is_cut_off_gives_what_it_holds(tmp_path):
  file = tar(
    tmp_path / 'data', {f'{i}.png': PNG for i in range(4)} | {'5.wav': WAV}
  )
  whole = file.read_bytes()
  for size, count, message in (
    (1024 + 40, 1, 'cannot read this shard further: it is cut off'),
    (3 * 1024 + 512 + 30, 4, 'unexpected end of data'),
  ):
    file.write_bytes(whole[:size])
    cache = str(tmp_path / f'cache{size}')
    data = Records(root=str(file), cache=cache, **SMALL)
    errors = read_all(data)
    assert data.opened.counts['image'] == count
    assert message in errors[-1]
    assert all('a.tar, row' in e for e in errors)
  file.write_bytes(b'no tar' * 1000)
  os.utime(file, (1, 1))
  with pytest.raises(RecordError, match=r'a\.tar: cannot read this shard'):
    Records(root=str(file), cache=str(tmp_path / 'c'), **SMALL).check()


def test_parquet_of_wrong_types_or_cut_off(tmp_path):
  file = tmp_path / 'a.parquet'

  def check(table, message):
    pq.write_table(pa.table(table), file)
    os.utime(file, ns=(1, check.time))
    check.time += 1
    with pytest.raises(InputError, match=message):
      Records(
        root=str(file), cache=str(tmp_path / f'c{check.time}'), **SMALL
      ).check()

  check.time = 1
  check({'image': [1, 2]}, r'a\.parquet: the column image holds int64')
  check({'text': [['a']]}, 'the column text holds list')
  check({'x': ['a']}, 'has the columns x: none of them')
  pq.write_table(pa.table({'text': ['a' * 100] * 50}), file)
  data = file.read_bytes()
  for size in (0, 3, 100, len(data) - 1):
    file.write_bytes(data[:size])
    with pytest.raises(RecordError, match=r'a\.parquet: cannot read this Par'):
      Records(root=str(file), cache=str(tmp_path / f'{size}'), **SMALL).check()
  assert not list(tmp_path.rglob('.making-*'))


def test_tfds_in_another_format_or_with_files_missing(tmp_path):
  found = same_data.stamps(8)
  root = same_data.write_tfds(tmp_path / 'a', found, fileFormat='tfrecord')
  with pytest.raises(InputError, match="prepare it with file_format='array_"):
    Records(root=str(root)).check()
  root = same_data.write_tfds(tmp_path / 'b', found)
  next(root.glob('*train*')).unlink()
  with pytest.raises(InputError, match='has 0 files of the split train, not 1'):
    Records(root=str(root)).check()
  (root / 'features.json').write_text('{')
  with pytest.raises(InputError, match='is no data set of TFDS'):
    Records(root=str(root), text_length=9).check()


@pytest.mark.parametrize('name', ['jsonl', 'csv', 'parquet', 'tars', 'tfds'])
@pytest.mark.parametrize('count', [3, pytest.param(60, marks=pytest.mark.slow)])
def test_changed_tables_and_shards_are_errors_or_fine(name, count, tmp_path):
  found = same_data.stamps(9)
  root = same_data.WRITERS[name](tmp_path / 'data', found)
  files = [root] if root.is_file() else sorted(root.iterdir())
  good = {file: file.read_bytes() for file in files}
  rng = random.Random(1)
  told = []
  for i in range(count):
    file = rng.choice(files)
    file.write_bytes(change(good[file], rng))
    os.utime(file, (i, i))
    cache = str(tmp_path / f'cache{i}')
    try:
      data = Records(root=str(root), cache=cache, on_error='skip', **SMALL)
      read_all(data)
      data.check()
    except InputError as error:
      told.append(str(error))
    file.write_bytes(good[file])
  assert '\n' not in ''.join(told)
  assert not list(tmp_path.rglob('.making-*'))
