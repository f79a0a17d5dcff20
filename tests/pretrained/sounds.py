"""Sounds that the live tests of preprocessing have in common."""

import numpy as np
import soxr


def noise(rng, *shape):
  return (rng.normal(size=shape) * 0.1).astype(np.float32)


def sounds(rate):
  """Name -> `rng -> (sound, its rate, the mono waveform at `rate`)`."""

  def of(seconds):
    def make(rng):
      x = noise(rng, round(rate * seconds))
      return x, rate, x

    return make

  def silence(rng):
    del rng
    x = np.zeros(rate, np.float32)
    return x, rate, x

  def eight_kilohertz(rng):
    x = noise(rng, 8_000)
    return x, 8_000, soxr.resample(x, 8_000, rate)

  def stereo(rng):
    x = noise(rng, rate, 2)
    return x, rate, x.mean(axis=1)

  return {
    'silence': silence,
    'tenth_of_a_second': of(0.1),
    'twelve_seconds': of(12),
    'thirty_five_seconds': of(35),
    'eight_kilohertz': eight_kilohertz,
    'stereo': stereo,
  }
