"""Drawn mouths that move as the sounds of speech ask for."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mmjax.data.espeak import Phoneme

# How far open, how wide, and how much of teeth and tongue is seen, 0 to 1.
_CLOSED = (0.0, 0.5, 0.0, 0.0)
_SHAPES = {  # In the International Phonetic Alphabet.
  'pbm': _CLOSED,
  'fv': (0.12, 0.5, 0.9, 0.0),
  'θð': (0.2, 0.5, 0.5, 1.0),
  'tdnszlɾ': (0.2, 0.6, 0.8, 0.3),
  'ʃʒ': (0.25, 0.15, 0.8, 0.0),
  'kɡgŋhx': (0.3, 0.5, 0.3, 0.0),  # noqa: RUF001
  'ɹrw': (0.2, 0.1, 0.0, 0.0),
  'jiɪ': (0.25, 0.95, 0.5, 0.0),  # noqa: RUF001
  'eɛæ': (0.5, 0.8, 0.3, 0.2),
  'aɑʌɐ': (0.9, 0.6, 0.1, 0.2),  # noqa: RUF001
  'oɔɒ': (0.6, 0.2, 0.0, 0.0),
  'uʊ': (0.25, 0.05, 0.0, 0.0),
  'əɜɚ': (0.35, 0.5, 0.1, 0.1),
}
_SHAPE = {sound: shape for s, shape in _SHAPES.items() for sound in s}
_SKIN, _LIPS, _INSIDE, _TEETH, _TONGUE = 0.75, 0.45, 0.08, 0.98, 0.55


def shapes(
  phonemes: Sequence[Phoneme], *, seconds: float, frames_a_second: int
) -> Float[np.ndarray, 'f 4']:
  """The mouth's shape in each frame: open, wide, teeth, tongue, 0 to 1.

  A shape is reached in the middle of its sound, and on the way to the next one
  everything moves evenly.

  Args:
    phonemes: what is said when.
    seconds: how long it takes.
    frames_a_second: of the video.
  """
  starts = [p.start for p in phonemes]
  ends = [*starts[1:], seconds] if starts else []
  times, targets = [0.0], [_CLOSED]
  for phoneme, end in zip(phonemes, ends, strict=True):
    # A diphthong goes from one shape to another.
    found = [_SHAPE[sound] for sound in phoneme.ipa if sound in _SHAPE]
    found = found or [_CLOSED]
    step = (end - phoneme.start) / len(found)
    for i, shape in enumerate(found):
      times.append(phoneme.start + (i + 0.5) * step)
      targets.append(shape)
  frames = (np.arange(int(seconds * frames_a_second)) + 0.5) / frames_a_second
  columns = np.array(targets).T
  return np.stack([np.interp(frames, times, c) for c in columns], axis=-1)


def draw(
  shape: Float[np.ndarray, 'f 4'],
  *,
  size: int,
  scale: float = 1.0,
  shift: tuple[float, float] = (0.0, 0.0),
) -> Float[np.ndarray, 'f h w']:
  """Grey pictures of mouths, 0 to 1.

  Args:
    shape: of each frame, as `shapes` gives it.
    size: pixels of a side.
    scale: of the mouth; at 1 the widest fills nine tenths of the picture.
    shift: of its middle, right and down, in halves of the picture.
  """
  grid = (np.arange(size) + 0.5) / size * 2 - 1
  x, y = (((grid - s) / scale).astype(np.float32) for s in shift)
  x, y = x[None, None, :], y[None, :, None]
  shape = shape.astype(np.float32)
  opened, wide, teeth, tongue = (c[:, None, None] for c in shape.T)
  width, height = 0.45 + 0.45 * wide, 0.5 * opened
  soft = float(0.75 * 2 / size / scale)  # an edge is about a pixel wide

  def inside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    radius = np.sqrt((x / a) ** 2 + (y / b) ** 2)
    edge = (1 - radius) * np.minimum(a, b) / soft
    return 1 / (1 + np.exp(-4 * np.clip(edge, -8, 8)))

  lips = inside(width, height + 0.22)
  hole = inside(width - 0.14, np.maximum(height, 1e-2))
  upper = hole * (y < -0.35 * height) * teeth
  lower = hole * (y > 0.35 * height) * tongue
  picture = _SKIN + lips * (_LIPS - _SKIN)
  picture = picture + hole * (_INSIDE - picture)
  picture = picture + upper * (_TEETH - picture)
  return picture + lower * (_TONGUE - picture)
