"""Malformed files, and rows of manifests, by the hundred."""

import io
import json
import random
import zipfile

import numpy as np
import soundfile
from PIL import Image

from tests.data.sources.broken import PNG, WAV, change

CHANGED = 120  # copies of each good file
SVG = (
  '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{}'
  '<rect width="9" height="9"/></svg>'
)


def hugely(suffix):
  """Small files that claim, or become, something huge."""
  file = io.BytesIO()
  if suffix == 'png':
    Image.new('1', (40_000, 40_000)).save(file, 'PNG')
    return file.getvalue()
  data = bytearray(WAV)
  data[40:44] = b'\xff\xff\xff\x7f'
  return bytes(data)


def good_files():
  """By suffix: small files of which nothing is wrong."""
  x = np.random.default_rng(0).normal(size=300) * 0.1
  image = Image.new('RGB', (8, 8), (9, 80, 200))
  found = {'png': PNG, 'wav': WAV, 'svg': SVG.format('<g/>').encode()}
  found['txt'] = 'ein Stück, "so"'.encode()
  for suffix, kind in ('gif', 'GIF'), ('jpg', 'JPEG'), ('webp', 'WEBP'):
    file = io.BytesIO()
    image.save(file, kind)
    found[suffix] = file.getvalue()
  for suffix in ('flac', 'ogg'):
    file = io.BytesIO()
    soundfile.write(file, x, 16_000, format=suffix.upper())
    found[suffix] = file.getvalue()
  return found


def contents(secret):
  """Names and bytes, about a thousand."""
  rng = random.Random(0)
  bomb = io.BytesIO()
  with zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as f:
    f.writestr('a', bytes(10**7))
  good = good_files()
  seen = {*good.values()}
  for suffix, data in good.items():
    for number in range(CHANGED):
      new = change(data, rng)
      if new not in seen:
        seen.add(new)
        yield f'changed{number}.{suffix}', new
  for suffix in (*good, 'mp3'):
    yield f'empty.{suffix}', b''
    yield f'zeros.{suffix}', bytes(1000)
    yield f'noise.{suffix}', rng.randbytes(1000)
    yield f'zip.{suffix}', bomb.getvalue()
    yield f'eps.{suffix}', b'%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run\n'
  uses = '<image width="9" height="9" href="{}"/>'
  yield 'names.svg', SVG.format(uses.format(secret)).encode()
  yield 'nothing.svg', SVG.format(uses.format('data:,')).encode()
  yield 'huge.png', hugely('png')
  yield 'huge.wav', hugely('wav')
  yield 'picture.wav', PNG
  yield 'sound.png', WAV
  yield 'latin.txt', 'é'.encode('latin-1')
  yield 'long.txt', 'é\u0301'.encode() * 10**5


def rows():
  """Lines of a manifest that are wrong, or name what they may not."""
  rng = random.Random(0)
  places = [
    '../secret.png', '..', '/etc/passwd', './../secret.png', 'a/../../x.png',
    'link.png', '/dev/zero', 'file:///etc/passwd', 'http://localhost/a.png',
    's3://a/b', 'memory://a', 'zip://a::b', '~/a.png', '\0', 'a\0b', '\ud800',
    'x' * 5000, '.', '..\\secret.png', '%2e%2e/secret.png', 'pipe', '',
  ]  # fmt: skip
  for place in places:
    for column in ('image', 'audio', 'text_file'):
      yield json.dumps({column: place, 'label': 'a'})
  values = [1, -1.5, True, None, [], {}, [1], {'a': 1}, float('nan'), 10**400]
  for value in values:
    for column in ('image', 'audio', 'text', 'text_file', 'label', 'split'):
      yield json.dumps({'text': 'so', column: value})
  good = json.dumps({'image': 'a.png', 'text': 'so', 'label': 'a', 'n': [1]})
  for _ in range(150):
    yield change(good.encode(), rng).decode('utf-8', 'surrogateescape')
  yield from ('[' * 10**4, '{"a":' * 10**4, '"', 'NaN', '{"image":1e999}')
