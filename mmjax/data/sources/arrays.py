"""From cells to pictures, sounds and texts, whatever stands in them.

What comes from anywhere may be broken, or meant to break things: sizes are
looked at before memory is taken, and no more of a sound is decoded than is
used.
"""

import io
import math
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile
from jaxtyping import Float32, UInt8
from PIL import Image

from mmjax.data import audio, images, video
from mmjax.data.errors import RecordError
from mmjax.data.sources.record import Blob, Samples
from mmjax.data.sources.storage import clean, one_line

MAX_PIXELS = 2**26
MAX_TEXT = 2**16  # characters that a tokenizer is given
# Normal forms take the square of the marks on a letter; no language has more
# (https://unicode.org/reports/tr15/#Stream_Safe_Text_Format).
_MARKS = 30
_RATES = 1_000, 768_000
_CHANNELS = 16
_FORMATS = ('WAV', 'WAVEX', 'RF64', 'FLAC', 'OGG', 'MP3', 'AIFF', 'AU')


def picture(
  cell: Any,
  *,
  canvas: int,
  first: Callable[[Image.Image], Image.Image] | None = None,
) -> Image.Image:
  """The picture in a cell, its shorter side less than twice `canvas` long.

  Args:
    cell: a file, or bytes.
    canvas: see `images.decode_pil`.
    first: what is done to it at once; then it may have any size.

  Raises:
    RecordError: there is no picture, or one of more than 67 million pixels.
  """
  if isinstance(cell, np.ndarray):
    raise RecordError('an array is not the bytes of a picture')
  return images.decode_pil(
    _bytes(cell),
    svg='apart',
    max_pixels=MAX_PIXELS,
    canvas=canvas,
    first=first,
  )


def size(cell: Any) -> tuple[int, int] | None:
  """Width and height of the picture in a cell; None of a drawing.

  Raises:
    RecordError: there is no picture.
  """
  return images.size(_bytes(cell))


def sound(
  cell: Any, *, seconds: float, rate: int = audio.RATE
) -> Float32[np.ndarray, ' s']:
  """The first seconds of the sound in a cell: mono, `rate` samples a second.

  Raises:
    RecordError: there is no sound, or one that nobody would make.
  """
  if isinstance(cell, Samples):
    count = math.ceil(seconds * cell.rate)
    x, own = np.asarray(cell.x[:count], np.float32), cell.rate
    _check_rate(own)
  else:
    x, own = _decode(_bytes(cell), seconds)
  if not x.size:
    raise RecordError('this sound holds no samples')
  if not np.isfinite(x).all():
    raise RecordError('this sound holds NaN or infinite samples')
  return audio.resample(x, own, rate)


def duration(cell: Any) -> float:
  """Seconds of the sound in a cell, as it says of itself.

  Raises:
    RecordError: there is no sound.
  """
  if isinstance(cell, Samples):
    return len(cell.x) / cell.rate
  with _open(_bytes(cell)) as f:
    return f.frames / f.samplerate


def moving(
  cell: Any, *, count: int, seconds: float, canvas: int
) -> UInt8[np.ndarray, 'f h w 3']:
  """Some frames of the video in a cell; see `video.frames`.

  Raises:
    RecordError: there is no video, or one that is broken or too large.
  """
  return video.frames(_bytes(cell), count=count, seconds=seconds, canvas=canvas)


def sound_track(
  cell: Any, *, seconds: float
) -> Float32[np.ndarray, ' s'] | None:
  """The first seconds of the sound of the video in a cell, if it has any.

  Raises:
    RecordError: there is no video, or its sound is broken.
  """
  return video.sound(_bytes(cell), seconds=seconds)


def video_measures(cell: Any) -> dict[str, float]:
  """Width, height and seconds of the video in a cell.

  Raises:
    RecordError: there is no video.
  """
  return video.measure(_bytes(cell))


def text(cell: Any) -> str:
  """The text in a cell, or in the file that it names.

  Raises:
    RecordError: the file cannot be read or is not UTF-8.
  """
  if isinstance(cell, str):
    found = cell
  elif isinstance(cell, (bytes, Blob)):
    try:
      found = _bytes(cell).decode('utf-8-sig').strip()
    except UnicodeDecodeError as error:
      raise RecordError('this text is not UTF-8') from error
  elif isinstance(cell, (bool, int, float)):
    found = str(cell)
  else:
    raise RecordError(f'{type(cell).__name__} is no text')
  return _few_marks(clean(found[:MAX_TEXT]))


def _few_marks(text: str) -> str:
  """The text, without more marks on one letter than there can be."""
  if text.isascii():
    return text
  kept, run = [], 0
  for letter in text:
    run = run + 1 if unicodedata.combining(letter) else 0
    if run <= _MARKS:
      kept.append(letter)
  return ''.join(kept)


def _bytes(cell: Any) -> bytes:
  if isinstance(cell, bytes):
    return cell
  if isinstance(cell, Blob):
    data = cell.read()
    if not data:
      raise RecordError('this file is empty')
    return data
  raise RecordError(f'{type(cell).__name__} is neither a file nor bytes')


def _open(data: bytes) -> soundfile.SoundFile:
  try:
    f = soundfile.SoundFile(io.BytesIO(data))
  except (OSError, RuntimeError, ValueError, TypeError) as error:
    reason = str(error).rsplit(': ', 1)[-1]
    raise RecordError(f'cannot read this sound: {reason}') from error
  if f.format not in _FORMATS:
    raise RecordError(f'sounds are read as {", ".join(_FORMATS)}: {f.format}')
  _check_rate(f.samplerate)
  if not 1 <= f.channels <= _CHANNELS:
    raise RecordError(f'{f.channels} channels are not 1 to {_CHANNELS}')
  return f


def _decode(data: bytes, seconds: float) -> tuple[np.ndarray, int]:
  with _open(data) as f:
    try:
      # A little more, so that resampling does not know of the end.
      frames = math.ceil((seconds + 0.05) * f.samplerate)
      x = f.read(frames, dtype='float32', always_2d=True)
    except (OSError, RuntimeError, ValueError, TypeError, MemoryError) as error:
      reason = f'cannot read this sound: {one_line(error)}'
      raise RecordError(reason) from error
    # Of one channel the mean takes as long as a tenth of the decoding.
    mono = x[:, 0] if f.channels == 1 else x.mean(axis=1)
    return mono, f.samplerate


def _check_rate(rate: int) -> None:
  low, high = _RATES
  if not low <= rate <= high:
    raise RecordError(f'{rate} samples per second are not {low} to {high}')
