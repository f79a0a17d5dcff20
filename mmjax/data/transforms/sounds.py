"""Augmentation of sounds: `(float32 [s], rng) -> float32 [s]`."""

import dataclasses
import math
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from mmjax.data.audio import RATE, resample
from mmjax.data.transforms.base import check_rate
from mmjax.types import InputError


@runtime_checkable
class SoundTransform(Protocol):
  """Turns one sound into another."""

  def __call__(
    self, x: Float32[np.ndarray, ' s'], rng: np.random.Generator
  ) -> Float32[np.ndarray, ' s2']:
    """The new sound: mono, 16 kHz."""
    ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomGain:
  """Makes a sound louder or softer."""

  decibels: tuple[float, float] = (-12.0, 6.0)
  """Least and most, of the amplitude."""

  def __post_init__(self):
    _check_order('decibels', self.decibels)

  def __call__(
    self, x: Float32[np.ndarray, ' s'], rng: np.random.Generator
  ) -> Float32[np.ndarray, ' s']:
    """The sound times one factor; nothing is clipped."""
    return x * np.float32(10 ** (rng.uniform(*self.decibels) / 20))


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomNoise:
  """Adds noise to some sounds, at a ratio of powers that is drawn."""

  snr: tuple[float, float] = (5.0, 30.0)
  """Least and most power of the sound over that of the noise, dB."""
  rate: float = 0.5
  """Probability of any noise."""
  color: Literal['white', 'pink'] = 'white'
  """Equal power for each Hz, or for each octave."""

  def __post_init__(self):
    _check_order('snr', self.snr)
    check_rate(self.rate)

  def __call__(
    self, x: Float32[np.ndarray, ' s'], rng: np.random.Generator
  ) -> Float32[np.ndarray, ' s']:
    """The sound in noise; silence stays silence."""
    if rng.random() >= self.rate:
      return x
    level = 10 ** (-rng.uniform(*self.snr) / 20)
    noise = rng.standard_normal(len(x), np.float32)
    if self.color == 'pink':
      noise = _pink(noise)
    own = math.sqrt(float(np.dot(noise, noise)))
    wanted = level * math.sqrt(float(np.dot(x, x)))
    noise *= np.float32(wanted / max(own, 1e-12))
    noise += x
    return noise


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomShift:
  """Lets a sound begin earlier or later; its length stays."""

  seconds: float = 0.1
  """Most."""

  def __post_init__(self):
    if not 0 <= self.seconds < float('inf'):
      raise InputError(f'seconds {self.seconds} is negative or infinite')

  def __call__(
    self, x: Float32[np.ndarray, ' s'], rng: np.random.Generator
  ) -> Float32[np.ndarray, ' s']:
    """The moved sound; what comes in is silence."""
    by = round(rng.uniform(-self.seconds, self.seconds) * RATE)
    new = np.zeros_like(x)
    if abs(by) < len(x):
      new[max(by, 0) : len(x) + min(by, 0)] = x[
        max(-by, 0) : len(x) - max(by, 0)
      ]
    return new


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomSpeed:
  """Plays a sound faster and higher, or slower and lower, as another voice.

  Audio Augmentation for Speech Recognition
  (https://doi.org/10.21437/Interspeech.2015-711).
  """

  factors: tuple[float, float] = (0.9, 1.1)
  """Least and most; at 2 a sound takes half the time."""

  def __post_init__(self):
    low, high = self.factors
    if not 0.1 <= low <= high <= 10:
      raise InputError(f'factors {low:g} {high:g} do not rise from 0.1 to 10')

  def __call__(
    self, x: Float32[np.ndarray, ' s'], rng: np.random.Generator
  ) -> Float32[np.ndarray, ' s2']:
    """The sound, longer or shorter."""
    return resample(x, round(RATE * rng.uniform(*self.factors)))


def _pink(
  white: Float32[np.ndarray, ' s'],
) -> Float32[np.ndarray, ' s']:
  """The same noise with a power of 1 / frequency; none below 20 Hz."""
  spectrum = np.fft.rfft(white)
  hertz = np.fft.rfftfreq(len(white), 1 / RATE)
  spectrum *= np.where(hertz < 20, 0, 1 / np.sqrt(np.maximum(hertz, 20)))
  return np.fft.irfft(spectrum, len(white)).astype(np.float32)


def _check_order(name: str, pair: tuple[float, float]):
  if not -200 <= pair[0] <= pair[1] <= 200:
    raise InputError(
      f'{name} {pair[0]:g} {pair[1]:g} do not rise between -200 and 200 dB'
    )
