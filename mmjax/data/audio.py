"""Waveforms: files to mono samples of one rate, and to one length."""

import os

import numpy as np
import soundfile
import soxr
from jaxtyping import Bool, Float32, Int16, Shaped

from mmjax.data.errors import RecordError

RATE = 16_000  # samples per second of every waveform in a batch
_FULL_SCALE = 32_768  # int16 sample that would be 1.0


def load(
  file: str | os.PathLike[str], *, rate: int = RATE
) -> Float32[np.ndarray, ' s']:
  """The sound in a file (WAV, FLAC, Ogg, MP3 ...), mono, at one rate.

  Args:
    file: the file.
    rate: samples per second of the result.

  Returns:
    Samples, full scale -1 to 1; the mean of the channels, resampled with soxr
    (https://github.com/dofuuz/python-soxr).

  Raises:
    RecordError: the file is missing, is no sound, is empty or holds NaN.
  """
  try:
    x, own_rate = soundfile.read(file, dtype='float32', always_2d=True)
  except (OSError, RuntimeError, ValueError, TypeError) as error:
    reason = f'cannot read this sound: {_reason(error, file)}'
    raise RecordError(reason, file=file) from error
  if not x.size:
    raise RecordError('this sound holds no samples', file=file)
  if not np.isfinite(x).all():
    raise RecordError('this sound holds NaN or infinite samples', file=file)
  return resample(x.mean(axis=1), own_rate, rate)


def resample(
  x: Float32[np.ndarray, ' s'], rate: int, new_rate: int = RATE
) -> Float32[np.ndarray, ' s2']:
  """The same sound with `new_rate` instead of `rate` samples per second."""
  if rate == new_rate:
    return x
  return soxr.resample(x, rate, new_rate).astype(np.float32, copy=False)


def to_int16(x: Float32[np.ndarray, ' s']) -> Int16[np.ndarray, ' s']:
  """Samples of -1 to 1 in half the memory; louder ones are clipped."""
  x = np.clip(np.rint(x * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1)
  return x.astype(np.int16)


def to_length(
  x: Shaped[np.ndarray, ' s'], length: int
) -> tuple[Float32[np.ndarray, ' {length}'], Bool[np.ndarray, ' {length}']]:
  """Cuts a sound, or pads it with zeros, to a static length.

  Args:
    x: samples: float, or int16 as `to_int16` makes them.
    length: samples wanted.

  Returns:
    The samples as float32, and a mask that is True where they are real.
  """
  x = x[:length]
  samples = np.zeros(length, np.float32)
  samples[: len(x)] = x
  if x.dtype == np.int16:
    samples *= np.float32(1 / _FULL_SCALE)
  return samples, np.arange(length) < len(x)


def _reason(error: Exception, file: str | os.PathLike[str]) -> str:
  if not os.path.exists(file):
    return 'no such file'
  # libsndfile's message already ends in what is wrong, after the file's name.
  return str(error).rsplit(': ', 1)[-1] or type(error).__name__
