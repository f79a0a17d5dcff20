"""From sounds of any kind to the samples that a checkpoint was trained on."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mmjax.data import audio
from mmjax.types import InputError

Sound = Any
"""A path, or an array of samples: `[s]`, or `[s c]` or `[c s]` of channels."""
_MOST_CHANNELS = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class AudioProcessor:
  """Resamples and pads as `preprocessor_config.json` says.

  What makes a spectrogram of the samples or normalises them is the encoder's
  own door: they stay in -1..1 here.
  """

  rate: int = audio.RATE
  """Samples per second."""
  length: int | None = None
  """Most samples of a clip; longer ones are cut."""
  shortest: int = 1
  """Fewest samples of the arrays."""
  padding: Literal['longest', 'max_length'] = 'longest'
  """Length of the arrays: that of the longest clip, or always `length`."""
  normalize: bool = True
  """Whether the encoder normalises what it computes with."""
  mean: float = 0.0
  """Subtracted from the features there."""
  std: float = 1.0
  """The features are divided by it there."""

  def read(self, config: Mapping[str, Any]) -> 'AudioProcessor':
    """With what a `preprocessor_config.json` says in place of the defaults.

    Raises:
      InputError: it wants something that is not known here.
    """
    names = {
      'rate': 'sampling_rate',
      'normalize': 'do_normalize',
      'mean': 'mean',
      'std': 'std',
    }
    if config.get('padding_side', 'right') != 'right':
      raise InputError('preprocessor_config.json: padding_side is not right')
    return dataclasses.replace(
      self,
      **{k: config[there] for k, there in names.items() if there in config},
    )

  def __call__(
    self, sounds: Sequence[Sound], *, sampling_rate: int | None = None
  ) -> tuple[np.ndarray, np.ndarray]:
    """Samples `[b s]`, and which are real.

    Args:
      sounds: paths or arrays.
      sampling_rate: samples per second of the arrays; files say their own.

    Raises:
      InputError: something is no sound, or the arrays' rate is not given.
    """
    clips = [
      open_sound(sound, rate=self.rate, sampling_rate=sampling_rate)
      for sound in sounds
    ]
    longest = max(len(clip) for clip in clips)
    if self.length is not None:
      full = self.padding == 'max_length'
      longest = self.length if full else min(longest, self.length)
    longest = max(longest, self.shortest)
    made = [audio.to_length(clip, longest) for clip in clips]
    samples, masks = zip(*made, strict=True)
    return np.stack(samples), np.stack(masks)


def open_sound(
  sound: Sound, *, rate: int, sampling_rate: int | None = None
) -> np.ndarray:
  """Mono samples, full scale -1 to 1, of `rate` a second.

  Raises:
    InputError: it is no sound, or is an array of no given rate.
  """
  if isinstance(sound, str | Path):
    return audio.load(sound, rate=rate)
  if sampling_rate is None:
    raise InputError(
      'sampling_rate=, samples per second of the arrays, is not given; the '
      f'checkpoint takes {rate} and others are resampled'
    )
  if sampling_rate <= 0:
    raise InputError(f'sampling_rate {sampling_rate} is not above 0')
  x = np.asarray(sound)
  if np.issubdtype(x.dtype, np.signedinteger):
    x = x / -float(np.iinfo(x.dtype).min)
  if not np.issubdtype(x.dtype, np.floating):
    raise InputError(f'a sound of {x.dtype} is neither floats nor int16')
  if x.ndim == 2 and min(x.shape) <= _MOST_CHANNELS:
    x = x.mean(axis=int(np.argmin(x.shape)))
  if x.ndim != 1 or not x.size:
    raise InputError(
      f'a sound has shape {x.shape}, not [s], [s c] or [c s] with at most '
      f'{_MOST_CHANNELS} channels'
    )
  if not np.isfinite(x).all():
    raise InputError('a sound holds NaN or infinite samples')
  return audio.resample(x.astype(np.float32), int(sampling_rate), rate)
