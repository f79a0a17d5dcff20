"""Files as people send them, good and bad."""

import io
import struct
import zlib

import numpy as np
import soundfile
from PIL import Image


def png(size=(40, 30), color=(200, 30, 30)):
  out = io.BytesIO()
  Image.new('RGB', size, color).save(out, format='PNG')
  return out.getvalue()


def wav(seconds=0.3, rate=16_000):
  out = io.BytesIO()
  x = np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)
  soundfile.write(out, x, rate, format='WAV')
  return out.getvalue()


def _chunk(kind, data):
  body = kind + data
  return (
    struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))
  )


def bomb(side=60_000):
  """A small PNG that says, and is, a picture of billions of pixels."""
  head = struct.pack('>IIBBBBB', side, side, 1, 0, 0, 0, 0)
  rows = zlib.compressobj(9)
  data = b''.join(
    rows.compress(b'\0' * (side // 8 + 1)) for _ in range(side // 100)
  )
  return (
    b'\x89PNG\r\n\x1a\n'
    + _chunk(b'IHDR', head)
    + _chunk(b'IDAT', data + rows.flush())
    + _chunk(b'IEND', b'')
  )


def malformed(rng, count):
  """Yields a name and bytes that are no picture and no sound, or hardly."""
  good = {'png': png(), 'wav': wav(), 'jpg': _as('JPEG'), 'gif': _as('GIF')}
  good['flac'], good['ogg'] = _sound('FLAC'), _sound('OGG')
  yield 'bomb.png', bomb()
  yield 'empty.png', b''
  yield 'empty.wav', b''
  yield 'text.png', b'this is no picture'
  yield 'text.mp3', b'this is no sound' * 99
  yield 'page.png', b'<html><script>alert(1)</script></html>'
  yield 'vector.png', b'<svg xmlns="http://www.w3.org/2000/svg">'
  yield 'program.jpg', b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n'
  yield 'header.wav', good['wav'][:44]
  yield 'silence.wav', wav(0)
  yield 'rate.wav', good['wav'][:24] + b'\xff\xff\xff\x7f' + good['wav'][28:]
  yield 'swapped.wav', good['png']
  yield 'swapped.png', good['wav']
  names = sorted(good)
  for number in range(count):
    kind = names[number % len(names)]
    data = bytearray(good[kind])
    if number % 3 == 0:  # cut off
      data = data[: rng.integers(1, len(data))]
    elif number % 3 == 1:  # flipped
      for place in rng.integers(0, min(len(data), 400), 12):
        data[place] = rng.integers(0, 256)
    else:  # anything behind a good beginning
      data[8:] = rng.bytes(int(rng.integers(1, 2000)))
    yield f'{number}.{kind}', bytes(data)


def _as(kind):
  out = io.BytesIO()
  Image.open(io.BytesIO(png())).save(out, format=kind)
  return out.getvalue()


def _sound(kind):
  out = io.BytesIO()
  x, rate = soundfile.read(io.BytesIO(wav()))
  soundfile.write(out, x, rate, format=kind)
  return out.getvalue()
