"""Where it mattered: what a model says when parts of an input are covered."""

import itertools

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from mmjax.data.audio import RATE
from mmjax.evaluators.left_out import Score, join
from mmjax.types import Batch

_LOWEST, _OCTAVES = 250.0, 5  # Hz; bands are equal parts above, in octaves


def occlude_image(
  score: Score, batch: Batch, *, answer: int, cells: int = 8
) -> Float[np.ndarray, '{cells} {cells}']:
  """How much the log-probability of an answer falls when a place is blurred.

  The model is asked, not its inside, so that the map means the same for any
  encoder and any fusion, whether or not there is attention. Places are soft
  squares that overlap and together are the picture. Blur, unlike grey, adds no
  edges to an empty background.

  Args:
    score: the model.
    batch: one example, with `image` of `[1 h w c]`.
    answer: the class.
    cells: places along each side; as many scores as places, and one more.

  Returns:
    The fall at each place, rows first; negative where it spoke against the
    answer; zeros where there is no picture.

  Occlusion after Visualizing and Understanding Convolutional Networks, section
  4.2 (https://arxiv.org/abs/1311.2901), with the blur of Interpretable
  Explanations of Black Boxes (https://arxiv.org/abs/1704.03296).
  """
  image = np.asarray(batch['image'])
  pixels = image[0].astype(np.float32)
  h, w, _ = pixels.shape
  spread = (2 * h / cells, 2 * w / cells, 0)  # nothing of a place is left
  away = ndimage.gaussian_filter(pixels, spread, mode='nearest') - pixels
  covers = [
    across[:, None, None] * along[None, :, None]
    for across in windows(h, cells)
    for along in windows(w, cells)
  ]
  whole = np.issubdtype(image.dtype, np.integer)
  covered = (pixels + cover * away for cover in covers)
  covered = [np.rint(x) if whole else x for x in covered]
  fall = _fall(score, batch, 'image', covered, answer)
  return fall.reshape(cells, cells)


def occlude_audio(
  score: Score,
  batch: Batch,
  *,
  answer: int,
  parts: int = 16,
  bands: int = 4,
  rate: int = RATE,
) -> Float[np.ndarray, '{bands} {parts}']:
  """How much the log-probability of an answer falls when a part is silent.

  As `occlude_image`, with silence for blur. Parts are soft spans of time of
  equal bands of frequency, on a logarithmic scale; together they are the sound.

  Args:
    score: the model.
    batch: one example, with `audio` of `[1 s]`.
    answer: the class.
    parts: spans of time.
    bands: of frequency; see `band_edges`.
    rate: samples per second.

  Returns:
    The fall in each band, lowest first, from the beginning of the sound to the
    last sample that is real; zeros where there is no sound.
  """
  length = sound_length(batch)
  if not length:
    return np.zeros((bands, parts))
  sound = np.array(batch['audio'][0], np.float32)
  waves = np.fft.rfft(sound[:length])
  hertz = np.fft.rfftfreq(length, 1 / rate)
  silenced = []
  for low, high in itertools.pairwise(band_edges(bands)):
    band = np.fft.irfft(waves * ((hertz >= low) & (hertz < high)), length)
    for span in windows(length, parts):
      silenced.append(sound.copy())
      silenced[-1][:length] -= span * band
  fall = _fall(score, batch, 'audio', silenced, answer)
  return fall.reshape(bands, parts)


def sound_length(batch: Batch) -> int:
  """Samples of the only example's sound, up to the last one that is real."""
  return int(np.max(np.flatnonzero(batch['mask']['audio'][0]), initial=-1)) + 1


def windows(size: int, count: int) -> Float[np.ndarray, '{count} {size}']:
  """Soft spans that overlap their neighbours, and add up to one everywhere."""
  middles = (np.arange(count) + 0.5) * size / count
  places = np.arange(size) + 0.5
  # Beyond the outer middles the outer spans stay at one.
  places = np.clip(places, middles[0], middles[-1])
  off = np.abs(places[None] - middles[:, None]) * count / size
  return np.where(off < 1, 0.5 + 0.5 * np.cos(np.pi * off), 0.0)


def band_edges(bands: int) -> Float[np.ndarray, ' n']:
  """Hertz where bands begin and end, from zero to infinity."""
  inner = _LOWEST * 2 ** (_OCTAVES * np.arange(1, bands) / bands)
  return np.array([0.0, *inner, np.inf])


def _fall(
  score: Score, batch: Batch, name: str, covered: list[np.ndarray], answer: int
) -> Float[np.ndarray, ' n']:
  if not np.asarray(batch['mask'][name]).any():
    return np.zeros(len(covered))
  own = np.asarray(batch[name])
  others = {k: v for k, v in batch.items() if k != name}
  rest = join([others] * (1 + len(covered)))
  # Whatever an integer was, it stays one: models tell bytes from floats.
  values = np.stack([own[0], *(x.astype(own.dtype) for x in covered)])
  scores = score({**rest, name: values})[:, answer]
  return scores[0] - scores[1:]
