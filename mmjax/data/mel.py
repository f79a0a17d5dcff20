"""Mel spectrograms in NumPy: for reports and as a reference for tests.

The encoder computes its own on the device; this one needs no accelerator and
reads like the definition. Same conventions as `librosa.feature.melspectrogram`
(Slaney's mel scale and area normalisation; https://librosa.org/doc).
"""

import numpy as np
from jaxtyping import Float

# Slaney's scale: linear up to 1 kHz (15 mel), then logarithmic so that 27 mel
# span a factor of 6.4. From the Auditory Toolbox,
# https://engineering.purdue.edu/~malcolm/interval/1998-010
_LINEAR_HZ_PER_MEL = 200 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


def hz_to_mel(hz: Float[np.ndarray, '*any']) -> Float[np.ndarray, '*any']:
  """Slaney mel of a frequency in Hz."""
  log = _BREAK_MEL + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
  return np.where(hz < _BREAK_HZ, hz / _LINEAR_HZ_PER_MEL, log)


def mel_to_hz(mel: Float[np.ndarray, '*any']) -> Float[np.ndarray, '*any']:
  """Frequency in Hz of a Slaney mel."""
  above = np.maximum(mel - _BREAK_MEL, 0.0)
  log = _BREAK_HZ * np.exp(_LOG_STEP * above)
  return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, log)


def mel_filter_bank(
  *,
  sample_rate: int = 16_000,
  n_fft: int = 512,
  mels: int = 64,
  fmin: float = 0.0,
  fmax: float | None = None,
) -> Float[np.ndarray, 'frequencies mels']:
  """Triangular filters of unit area, one a column.

  Args:
    sample_rate: samples per second.
    n_fft: length of the Fourier transform in samples.
    mels: number of filters.
    fmin: lowest frequency in Hz.
    fmax: highest frequency in Hz; None is half the sample rate.

  Returns:
    Weight of each of the `n_fft // 2 + 1` frequencies in each band, so that
    `power @ bank` has the power of every band.
  """
  fmax = sample_rate / 2 if fmax is None else fmax
  if not 0 <= fmin < fmax:
    raise ValueError(f'fmin {fmin} is not below fmax {fmax}')
  low, high = hz_to_mel(np.array([fmin, fmax], np.float64))
  edges = mel_to_hz(np.linspace(low, high, mels + 2))
  bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)
  area = (edges[2:] - edges[:-2]) / 2
  return _triangles(edges, bins) / area


def htk_filter_bank(
  *,
  sample_rate: int = 16_000,
  n_fft: int = 512,
  mels: int = 64,
  fmin: float = 0.0,
  fmax: float | None = None,
) -> Float[np.ndarray, 'frequencies mels']:
  """Triangles of height 1 on HTK's mel scale, straight in Hz, one a column.

  `2595 log10(1 + hz / 700)`; torchaudio's default. The HTK Book, section 5.4
  (https://htk.eng.cam.ac.uk/docs/docs.shtml).

  Args:
    sample_rate: samples per second.
    n_fft: length of the Fourier transform in samples.
    mels: number of filters.
    fmin: lowest frequency in Hz.
    fmax: highest frequency in Hz; None is half the sample rate.
  """
  fmax = sample_rate / 2 if fmax is None else fmax
  if not 0 <= fmin < fmax:
    raise ValueError(f'fmin {fmin} is not below fmax {fmax}')
  low, high = (2595 * np.log10(1 + hz / 700) for hz in (fmin, fmax))
  edges = 700 * (10 ** (np.linspace(low, high, mels + 2) / 2595) - 1)
  return _triangles(edges, np.linspace(0, sample_rate / 2, n_fft // 2 + 1))


def _triangles(edges: np.ndarray, bins: np.ndarray) -> np.ndarray:
  """Each rises from one edge to the next, and falls to the one after it."""
  width = np.diff(edges)
  slope = edges[None, :] - bins[:, None]
  rising = -slope[:, :-2] / width[:-1]
  falling = slope[:, 2:] / width[1:]
  return np.maximum(0.0, np.minimum(rising, falling))


def kaldi_filter_bank(
  *,
  sample_rate: int = 16_000,
  n_fft: int = 512,
  mels: int = 128,
  fmin: float = 20.0,
  fmax: float | None = None,
) -> Float[np.ndarray, 'frequencies mels']:
  """Kaldi's filters, triangles of height 1 on its mel scale, one a column.

  `1127 log(1 + hz / 700)`; the slopes are straight in mel, not in Hz.
  https://github.com/kaldi-asr/kaldi/blob/master/src/feat/mel-computations.cc

  Args:
    sample_rate: samples per second.
    n_fft: length of the Fourier transform in samples.
    mels: number of filters.
    fmin: lowest frequency in Hz.
    fmax: highest frequency in Hz; None is half the sample rate.
  """
  fmax = sample_rate / 2 if fmax is None else fmax
  if not 0 <= fmin < fmax:
    raise ValueError(f'fmin {fmin} is not below fmax {fmax}')

  def mel(hz):
    return 1127 * np.log1p(np.asarray(hz) / 700)

  edges = np.linspace(mel(fmin), mel(fmax), mels + 2)
  bins = mel(np.linspace(0, sample_rate / 2, n_fft // 2 + 1))[:, None]
  step = edges[1] - edges[0]
  rising = (bins - edges[None, :-2]) / step
  falling = (edges[None, 2:] - bins) / step
  return np.maximum(0.0, np.minimum(rising, falling))


def mel_spectrogram(
  audio: Float[np.ndarray, ' s'],
  *,
  sample_rate: int = 16_000,
  n_fft: int = 512,
  window: int | None = None,
  hop: int = 160,
  mels: int = 64,
  fmin: float = 0.0,
  fmax: float | None = None,
) -> Float[np.ndarray, 'mels f']:
  """Power in each mel band over time.

  Args:
    audio: mono samples.
    sample_rate: samples per second.
    n_fft: length of the Fourier transform in samples.
    window: length of the Hann window, centred in `n_fft`; None is `n_fft`.
    hop: samples from one frame to the next.
    mels: number of mel bands.
    fmin: lowest frequency in Hz.
    fmax: highest frequency in Hz; None is half the sample rate.

  Returns:
    `1 + s // hop` frames, each centred on its sample (zeros beyond the ends).
  """
  window = n_fft if window is None else window
  if window > n_fft:
    raise ValueError(f'window {window} is longer than n_fft {n_fft}')
  taper = np.zeros(n_fft)
  start = (n_fft - window) // 2
  # Periodic, not symmetric: the usual choice for spectral analysis.
  taper[start : start + window] = np.hanning(window + 1)[:-1]
  padded = np.pad(audio.astype(np.float64), n_fft // 2)
  frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
  power = np.abs(np.fft.rfft(frames * taper, axis=-1)) ** 2
  bank = mel_filter_bank(
    sample_rate=sample_rate,
    n_fft=n_fft,
    mels=mels,
    fmin=fmin,
    fmax=fmax,
  )
  return (power @ bank).T


def decibels(
  power: Float[np.ndarray, '*any'], *, floor: float = 80.0
) -> Float[np.ndarray, '*any']:
  """Power in dB below its own maximum, nothing lower than `-floor`."""
  tiny = 1e-10
  db = 10 * np.log10(np.maximum(power, tiny))
  db = db - db.max(initial=10 * np.log10(tiny))
  return np.maximum(db, -floor)
