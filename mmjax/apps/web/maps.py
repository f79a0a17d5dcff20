"""Maps drawn over pictures and spectrograms."""

import io
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from mmjax.data import mel
from mmjax.data.audio import RATE
from mmjax.evaluators.figures import INK, PAPER, QUIET
from mmjax.evaluators.occlusion import band_edges

_DPI = 110
_MELS = 64
_LEAST = 0.1  # fall of a log-probability
# Clear where nothing is said: red for, blue against.
SIGNED = LinearSegmentedColormap.from_list(
  'signed',
  [(0, '#1f5fbf'), (0.5, '#1f5fbf00'), (0.5, '#c8453b00'), (1, '#c8453b')],
)
SHARES = LinearSegmentedColormap.from_list('shares', ['#f2b13400', '#f2b134'])


def over_picture(
  pixels: UInt8[np.ndarray, 'h w 3'],
  values: Float[np.ndarray, 'rows columns'],
  *,
  signed: bool,
) -> bytes:
  """PNG of a picture, paler, with a map over it.

  Args:
    pixels: what the model saw.
    values: the map, of any grid.
    signed: whether values speak for and against, or are shares.
  """
  h, w = pixels.shape[:2]
  figure, axes = _blank(3.0, 3.0 * h / w)
  grey = pixels @ np.array([0.299, 0.587, 0.114])
  axes.imshow(
    (grey + 2 * 255) / 3,
    cmap='gray',
    vmin=0,
    vmax=255,
    extent=(0, 1, 1, 0),
    interpolation='nearest',
  )
  _draw(axes, values, signed, extent=(0, 1, 1, 0), origin='upper')
  axes.set_aspect('auto')
  axes.set_axis_off()
  return _png(figure)


def over_sound(
  samples: Float[np.ndarray, ' s'],
  values: Float[np.ndarray, 'bands parts'],
  *,
  signed: bool,
  rate: int = RATE,
) -> bytes:
  """PNG of a sound's spectrogram with a map over it.

  Args:
    samples: what the model heard.
    values: the map, lowest frequency first; `signed` ones are of bands as
      `occlude_audio` makes them, others of equal parts of the mel scale.
    signed: whether values speak for and against, or are shares.
    rate: samples per second.
  """
  figure, axes = _blank(3.4, 2.2, margin=True)
  seconds = len(samples) / rate
  hop = int(np.clip(len(samples) // 300, 16, rate // 100))
  power = mel.mel_spectrogram(samples, sample_rate=rate, hop=hop, mels=_MELS)
  top = mel.hz_to_mel(np.array(rate / 2))
  extent = (0, seconds, 0, float(top))
  axes.imshow(
    mel.decibels(power), cmap='Greys', vmax=60, origin='lower', extent=extent
  )
  rows = values
  if signed:
    # Each band as high as it is on this scale.
    edges = mel.hz_to_mel(np.minimum(band_edges(len(values)), rate / 2))
    middles = (np.arange(_MELS) + 0.5) / _MELS * top
    rows = values[np.searchsorted(edges, middles) - 1]
  _draw(axes, rows, signed, extent=extent, origin='lower')
  axes.set_aspect('auto')
  ticks = np.array([250.0, 1000.0, 4000.0])
  axes.set_yticks(mel.hz_to_mel(ticks), ['250 Hz', '1 kHz', '4 kHz'])
  axes.set_xlabel('seconds', color=QUIET, fontsize=9, labelpad=1)
  axes.tick_params(length=0, labelsize=9, labelcolor=INK)
  axes.spines[:].set_visible(False)
  return _png(figure)


def _blank(
  width: float, height: float, *, margin: bool = False
) -> tuple[Figure, Axes]:
  figure = Figure(figsize=(width, height), dpi=_DPI, facecolor=PAPER)
  box = (0.16, 0.18, 0.83, 0.8) if margin else (0, 0, 1, 1)
  return figure, figure.add_axes(box)


def _draw(axes: Axes, values: np.ndarray, signed: bool, **place: Any) -> None:
  # What hardly matters is drawn pale.
  most = max(float(np.abs(values).max()), _LEAST if signed else 1e-9)
  axes.imshow(
    values,
    cmap=SIGNED if signed else SHARES,
    vmin=-most if signed else 0,
    vmax=most,
    alpha=0.85,
    interpolation='bicubic',
    **place,
  )


def _png(figure: Figure) -> bytes:
  out = io.BytesIO()
  figure.savefig(out, format='png')
  return out.getvalue()
