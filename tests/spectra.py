"""Mel spectrograms by SciPy's transform and librosa's filters.

`librosa.feature` would say the same, but compiles for half a minute when it is
imported for the first time.
"""

import librosa.filters
import numpy as np
import scipy.signal


def mel_power(
  y: np.ndarray,
  *,
  n_fft: int,
  hop: int,
  mels: int,
  window: int | None = None,
  rate: int = 16_000,
) -> np.ndarray:
  """Power in mel bands `[... mels frames]`, frames centred on each hop."""
  size = window or n_fft
  hann = scipy.signal.get_window('hann', size)
  before = (n_fft - size) // 2
  hann = np.pad(hann, (before, n_fft - size - before))
  transform = scipy.signal.ShortTimeFFT(hann, hop, fs=rate)
  frames = 1 + y.shape[-1] // hop
  stft = transform.stft(y.astype(np.float64), p0=0, p1=frames)
  filters = librosa.filters.mel(
    sr=rate, n_fft=n_fft, n_mels=mels, dtype=np.float64
  )
  return filters @ np.abs(stft) ** 2
