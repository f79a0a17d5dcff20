"""Speech beside pink noise, which has as much power in each octave."""

import numpy as np
from jaxtyping import Float32


def in_noise(
  x: Float32[np.ndarray, ' s'],
  decibels: float | None,
  rng: np.random.Generator,
) -> Float32[np.ndarray, ' s']:
  """The sound beside pink noise, all of it no louder than full scale.

  Args:
    x: the sound, full scale -1 to 1.
    decibels: power of the sound over that of the noise; None adds none.
    rng: of the noise.
  """
  if decibels is None:
    return x
  # A power of two, cut: for a length with large prime factors a transform
  # takes ten times as long.
  length = 1 << (x.size - 1).bit_length()
  waves = rng.standard_normal((length // 2 + 1, 2), np.float32)
  spectrum = waves.view(np.complex64)[:, 0]
  pink = spectrum / np.sqrt(np.arange(1, spectrum.size + 1, dtype=np.float32))
  noise = np.fft.irfft(pink, length)[: x.size]
  wanted = np.std(x) * 10 ** (-decibels / 20)
  x = x + noise * (wanted / np.std(noise))
  return (x / max(1.0, np.abs(x).max())).astype(np.float32)
