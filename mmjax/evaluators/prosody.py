"""What phoneticians measure of a voice: pitch, loudness and pace."""

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import fft

from mmjax.data.audio import RATE

HOP = 320  # samples, 20 ms
_WINDOW = 640  # three periods of the lowest pitch
_LOWEST, _HIGHEST = 75.0, 500.0  # Hz
_LAGS = int(RATE / _LOWEST) + 1
_VOICED = 0.5  # of the correlation at lag zero
_SMOOTH = np.hanning(7)[1:-1] / 3  # its sum is 3
_AUDIBLE = 30.0  # dB below the loudest frame


def pitch(
  sound: Float32[np.ndarray, ' s'],
) -> Float[np.ndarray, ' f']:
  """Fundamental frequency in Hz of each 20 ms; NaN where there is no voice.

  The lag of the highest peak of each window's autocorrelation, which is divided
  by that of the window itself: Boersma, Accurate short-term analysis of the
  fundamental frequency (https://www.fon.hum.uva.nl/paul/papers/Proceedings_1993.pdf),
  without its search for the best path.
  """
  frames = _frames(sound)
  frames = frames - frames.mean(axis=1, keepdims=True)
  window = np.hanning(_WINDOW).astype(np.float32)
  of_frames = _autocorrelation(frames * window)
  of_window = _autocorrelation(window[None])
  strength = of_frames / np.maximum(of_frames[:, :1], 1e-9)
  strength /= of_window / of_window[:, :1]
  # Twice as long a lag is as good: the shortest of equals is meant.
  lags = np.arange(int(RATE / _HIGHEST), _LAGS)
  strength = strength[:, lags]
  best = (strength - 0.05 * np.log2(lags)).argmax(axis=1)
  voiced = np.take_along_axis(strength, best[:, None], 1)[:, 0]
  loud = loudness(sound)
  here = (voiced > _VOICED) & (loud > loud.max(initial=-np.inf) - _AUDIBLE)
  # An edge is no peak.
  here &= (best > 0) & (best < len(lags) - 1)
  return np.where(here, RATE / lags[best], np.nan)


def loudness(sound: Float32[np.ndarray, ' s']) -> Float[np.ndarray, ' f']:
  """Decibels below full scale of each 20 ms."""
  power = np.square(_frames(sound)).mean(axis=1)
  return 10 * np.log10(power + 1e-9)


def statistics(
  sound: Float32[np.ndarray, ' s'], mask: Bool[np.ndarray, ' s']
) -> Float[np.ndarray, ' features']:
  """Seventeen numbers about a sound; zeros for none.

  Of the logarithm of the pitch: mean, spread, tenth, fiftieth and ninetieth
  percentile, slope and mean change from frame to frame; the share of voiced
  frames. Of the loudness: mean, spread, the same percentiles, mean change.
  Peaks of the loudness a second, which are about syllables; changes between
  voiced and not a second; the logarithm of the length.
  """
  sound = sound[mask]
  if sound.size < _WINDOW:
    return np.zeros(17)
  hertz, loud = pitch(sound), loudness(sound)
  seconds = sound.size / RATE
  voiced = np.isfinite(hertz)
  log = np.log2(hertz[voiced]) if voiced.sum() > 2 else np.zeros(3)
  slope = np.polyfit(np.linspace(0, 1, log.size), log, 1)[0]
  of_pitch = [*_spread(log), slope, np.abs(np.diff(log)).mean(), voiced.mean()]
  audible = loud[loud > loud.max() - _AUDIBLE]
  steps = np.abs(np.diff(loud)).mean()
  smooth = np.convolve(loud, _SMOOTH, 'same')
  middle = smooth[1:-1]
  peaks = (middle > smooth[:-2]) & (middle >= smooth[2:])
  peaks &= middle > loud.max() - 15
  turns = np.abs(np.diff(voiced.astype(int))).sum()
  pace = [peaks.sum() / seconds, turns / seconds, np.log2(seconds)]
  return np.array([*of_pitch, *_spread(audible), steps, *pace])


def _frames(sound: np.ndarray) -> Float32[np.ndarray, 'f window']:
  padded = np.pad(sound.astype(np.float32), _WINDOW // 2)
  view = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
  return view[::HOP]


def _autocorrelation(
  x: Float32[np.ndarray, 'f window'],
) -> Float32[np.ndarray, 'f lags']:
  """Of so many lags; with zeros behind, or the end would meet the beginning."""
  length = fft.next_fast_len(_WINDOW + _LAGS, real=True)
  power = np.abs(np.asarray(fft.rfft(x, length))) ** 2
  return np.asarray(fft.irfft(power, length))[:, :_LAGS]


def _spread(x: np.ndarray) -> Float[np.ndarray, '5']:
  return np.array([x.mean(), x.std(), *np.percentile(x, (10, 50, 90))])
