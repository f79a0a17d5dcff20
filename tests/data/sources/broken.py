"""Records to break, and what reads them: for the tests of broken data."""

import json
import struct

import numpy as np

from mmjax.data import RecordError
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
