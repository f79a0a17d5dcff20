"""Files that are broken, or meant to break things: errors that name them."""

import io
import os
import random
import struct
import zlib

import numpy as np
import pytest

from mmjax.data import RecordError
from mmjax.data.sources import Records, arrays
from mmjax.data.sources.storage import Storage
from mmjax.types import InputError
from tests.data.sources.broken import (
  PNG,
  SMALL,
  WAV,
  change,
  manifest,
  read_all,
)


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
  'drawing.svg': (b'<svg xmlns="http://www.w3.org/2000/svg">', 'cannot read'),
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
COLUMNS = {'png': 'image', 'svg': 'image', 'wav': 'audio', 'txt': 'text_file'}


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
