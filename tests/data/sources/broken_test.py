"""What is broken, or meant to break things, is an error that names it."""

import io
import json
import os
import random
import struct
import tarfile
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmjax.data import RecordError, eval_batches, train_batches
from mmjax.data.sources import Records, arrays
from mmjax.data.sources.storage import Storage
from mmjax.types import InputError
from tests.data.sources import same_data

PNG = same_data.png((8, 8), (1, 2, 3))
WAV = same_data.wav(np.ones(300, np.int16))
SMALL = {'image_size': 8, 'audio_seconds': 0.02, 'text_length': 16}


def manifest(root, *cells, good=3):
  """A manifest of some good records and of those of the cells."""
  root.mkdir(exist_ok=True)
  (root / 'good.png').write_bytes(PNG)
  (root / 'good.wav').write_bytes(WAV)
  fine = {'image': 'good.png', 'audio': 'good.wav', 'text': 'so', 'label': 'a'}
  lines = [json.dumps(fine | {'name': str(i)}) for i in range(good)]
  lines += [c if isinstance(c, str) else json.dumps(c) for c in cells]
  file = root / 'all.jsonl'
  file.write_bytes(
    b'\n'.join(x.encode('utf-8', 'surrogateescape') for x in lines)
  )
  return file


def read_all(data):
  """Reads every record; returns the errors."""
  opened = data.opened
  errors = []
  for row in range(len(opened.source)):
    try:
      if row in opened.broken:
        raise opened.broken[row]
      record = opened.source[row]
      data.prepare({'record': record, 'label': 0}, None)
    except RecordError as error:
      errors.append(str(error))
  assert '\n' not in ''.join(errors)
  return errors


@pytest.fixture
def secret(tmp_path):
  """A picture outside of the root, which nothing may read."""
  file = tmp_path / 'secret.png'
  file.write_bytes(PNG)
  root = tmp_path / 'data'
  root.mkdir()
  (root / 'link.png').symlink_to(file)
  (root / 'inside.png').symlink_to(root / 'good.png')
  (root / 'folder').mkdir()
  (root / 'out').symlink_to(tmp_path)
  os.mkfifo(root / 'pipe.png')
  return file


@pytest.mark.parametrize(
  ('path', 'message'),
  [
    ('../secret.png', "'../secret.png' leaves the folder"),
    ('folder/../../secret.png', 'leaves the folder'),
    ('{secret}', 'leaves the folder'),
    ('file://{secret}', 'leaves the folder'),
    ('simplecache::file:{secret}', 'leaves the folder'),
    ('http://localhost/a.png', 'leaves the folder'),
    ('link.png', 'this is a link out of'),
    ('out/secret.png', 'this is a link out of'),
    ('pipe.png', 'this is no file'),
    ('folder', 'this is no file'),
    ('.', 'this is no file'),
    ('~/secret.png', 'no such file'),
    ('good.png\0', 'names no file'),
    ('good\ud800.png', 'no such file'),
    ('x' * 5000, 'File name too long'),
    ('good.png/', None),
    ('./folder/../good.png', 'leaves the folder'),
    ('inside.png', None),
  ],
)
def test_a_path_cannot_leave_its_root(path, message, secret, tmp_path):
  cell = {'image': path.format(secret=secret), 'label': 'a'}
  file = manifest(tmp_path / 'data', cell)
  errors = read_all(Records(root=str(file), **SMALL))
  if message is None:
    assert not errors
    return
  assert len(errors) == 1
  assert message in errors[0]
  assert errors[0].startswith(f'{file}, row 4: image ')


def test_a_folder_tells_of_links_that_lead_out(secret, tmp_path):
  with pytest.raises(InputError, match='data/out is a link out of'):
    Records(root=str(tmp_path / 'data')).check()


def test_what_object_storage_is_asked_for_stays_inside():
  storage = Storage('memory://bucket/data')
  with storage._fs.open('/bucket/secret', 'wb') as f:
    f.write(b'secret')
  for path in ('../secret', '/bucket/secret', 'memory://bucket/secret', ''):
    with pytest.raises(RecordError, match='leaves the folder|names no file'):
      storage.read(path)


def big_png(width, height, *, rows=0):
  """A picture that says that it is large."""

  def chunk(kind, data):
    crc = zlib.crc32(kind + data)
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', crc)

  header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
  data = zlib.compress(bytes(rows * (3 * width + 1)))
  return b'\x89PNG\r\n\x1a\n' + b''.join(
    chunk(*c) for c in ((b'IHDR', header), (b'IDAT', data), (b'IEND', b''))
  )


def long_flac():
  """Ten minutes of silence in a few kilobytes."""
  file = io.BytesIO()
  import soundfile

  soundfile.write(file, np.zeros(9_600_000, np.int16), 16_000, format='FLAC')
  return file.getvalue()


def wav_header(*, rate=16_000, channels=1, size=2**31 - 1):
  return struct.pack(
    '<4sI4s4sIHHIIHH4sI', b'RIFF', size, b'WAVE', b'fmt ', 16, 1, channels,
    rate, rate * 2 * channels % 2**32, 2 * channels % 2**16, 16, b'data', size,
  )  # fmt: skip


BAD_FILES = {
  'empty.png': (b'', 'this file is empty'),
  'words.png': (b'no picture', 'not in a format'),
  'cut.png': (PNG[:45], 'cannot read this picture'),
  'sound.png': (WAV, 'not in a format'),
  'huge.png': (big_png(30_000, 30_000), 'pixels'),
  'wide.png': (big_png(2**31 - 1, 1), 'pixels'),
  'nothing.png': (big_png(0, 0), 'cannot read this picture'),
  'bomb.png': (big_png(9_000, 8_000, rows=8_000), 'is more than 67108864'),
  'script.png': (
    b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n',
    'format',
  ),
  'drawing.png': (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 'SVG may name'),
  'empty.wav': (b'', 'this file is empty'),
  'words.wav': (b'no sound', 'cannot read this sound'),
  'picture.wav': (PNG, 'cannot read this sound'),
  'cut.wav': (WAV[:30], 'cannot read this sound'),
  'silent.wav': (WAV[:44], 'no samples'),
  'fast.wav': (wav_header(rate=2**31 - 1) + bytes(64), 'samples per second'),
  'slow.wav': (wav_header(rate=1) + bytes(64), 'samples per second'),
  'many.wav': (wav_header(channels=1000) + bytes(64_000), 'channels'),
  'odd.txt': (b'\xff\xfe\xff', 'not UTF-8'),
}
COLUMNS = {'png': 'image', 'wav': 'audio', 'txt': 'text_file'}


@pytest.mark.parametrize('name', BAD_FILES)
def test_a_broken_file_is_an_error_that_names_file_and_row(name, tmp_path):
  data, message = BAD_FILES[name]
  column = COLUMNS[name[-3:]]
  file = manifest(tmp_path / 'data', {column: name, 'label': 'a'})
  (tmp_path / 'data' / name).write_bytes(data)
  (error,) = read_all(Records(root=str(file), **SMALL))
  word = 'text' if column == 'text_file' else column
  assert error.startswith(f'{file}, row 4: {word} {name}: ')
  assert message in error


def test_no_more_of_a_sound_is_decoded_than_is_used(tmp_path):
  file = manifest(
    tmp_path / 'data',
    {'audio': 'long.flac', 'label': 'a'},
    {'audio': 'liar.wav', 'label': 'a'},
  )
  (tmp_path / 'data/long.flac').write_bytes(long_flac())
  (tmp_path / 'data/liar.wav').write_bytes(wav_header() + bytes(2000))
  assert read_all(Records(root=str(file), **SMALL)) == []


def test_marks_without_end_do_not_take_the_square_of_their_time(tmp_path):
  marks = '\u0300' * 30_000 + '\u0323' * 30_000
  assert arrays.text(f'a{marks}b') == 'a' + '\u0300' * 30 + 'b'
  for text in ('Việt Nam', 'e\u0301\u0323', 'שָׁלוֹם'):
    assert arrays.text(text) == text
  file = manifest(tmp_path / 'data', {'text': marks, 'label': 'a'})
  assert read_all(Records(root=str(file), **SMALL)) == []


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


def change(good, rng):
  """Some bytes flipped, cut off, put between, or turned into a number."""
  data = bytearray(good)
  for _ in range(rng.randint(1, 4)):
    at = rng.randrange(len(data) + 1)
    what = rng.randrange(4)
    if what == 0:
      data[at : at + 1] = bytes([rng.randrange(256)])
    elif what == 1:
      del data[at:]
    elif what == 2:
      data[at:at] = rng.randbytes(rng.randrange(9))
    else:
      data[at : at + 4] = struct.pack('>I', rng.getrandbits(32))
  return bytes(data)


@pytest.mark.parametrize(
  'count', [30, pytest.param(334, marks=pytest.mark.slow)]
)
def test_changed_files_are_errors_or_fine(count, tmp_path):
  """Bytes flipped, cut out, doubled: nothing else than RecordError."""
  rng = random.Random(0)
  root = tmp_path / 'data'
  cells = []
  for i in range(count):
    for suffix, good in ('png', PNG), ('wav', WAV), ('txt', 'ähm'.encode()):
      name = f'{i}.{suffix}'
      root.mkdir(exist_ok=True)
      (root / name).write_bytes(change(good, rng))
      cells.append({COLUMNS[suffix]: name, 'label': 'a'})
  errors = read_all(Records(root=str(manifest(root, *cells)), **SMALL))
  assert count < len(errors) < 3 * count


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
