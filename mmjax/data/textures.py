"""Generated pictures without meaning: textured grounds, and shapes on them."""

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image


def ground(
  size: int, rng: np.random.Generator
) -> Float[np.ndarray, 'size size 3']:
  """A square of two or three colours mixed by a random pattern, 0 to 255.

  The patterns: clouds (noise of several scales), stripes, checks, a slope, and
  rings; fine noise and soft clouds lie over all of them.
  """
  share = _PATTERNS[rng.integers(len(_PATTERNS))](size, rng)
  colors = rng.uniform(0, 255, (3, 3)).astype(np.float32)
  grey = colors.mean(axis=1, keepdims=True)
  first, second, third = grey + (colors - grey) * np.float32(rng.random())
  image = first + (second - first) * share[..., None]
  over = clouds(size, rng)[..., None] * np.float32(rng.uniform(0, 0.7))
  image += (third - image) * over
  grain = rng.standard_normal((size, size, 1), np.float32)
  return np.clip(image + grain * np.float32(rng.uniform(0, 14)), 0, 255)


def shape(size: int, rng: np.random.Generator) -> Bool[np.ndarray, 'size size']:
  """Where an ellipse, a rectangle or a half-moon of random place lies."""
  y, x = _grid(size)
  middle, radii = rng.uniform(0, 1, 2), rng.uniform(0.06, 0.25, 2)
  angle = rng.uniform(0, np.pi)
  cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
  x, y = x - np.float32(middle[0]), y - np.float32(middle[1])
  u = (x * cos + y * sin) / np.float32(radii[0])
  v = (y * cos - x * sin) / np.float32(radii[1])
  kind = rng.integers(3)
  if kind == 0:
    return (np.abs(u) < 1) & (np.abs(v) < 1)
  inside = u * u + v * v < 1
  if kind == 1:
    return inside
  return inside & ((u - 0.6) ** 2 + v * v > 0.7)


def clouds(
  size: int, rng: np.random.Generator
) -> Float[np.ndarray, 'size size']:
  """Noise of several scales, smooth, 0 to 1."""
  total = np.zeros((size, size), np.float32)
  for cells in (3, 6, 12, 24):
    noise = Image.fromarray(rng.random((cells, cells), np.float32))
    smooth = noise.resize((size, size), Image.Resampling.BICUBIC)
    total += np.asarray(smooth) * np.float32(rng.uniform(0, 1))
  low, high = total.min(), total.max()
  return (total - low) / max(high - low, np.float32(1e-6))


def _stripes(size: int, rng: np.random.Generator):
  along = _turned(size, rng)
  wave = np.sin(along * np.float32(rng.uniform(10, 70)))
  return np.clip(0.5 + wave * np.float32(rng.uniform(0.5, 4)), 0, 1)


def _checks(size: int, rng: np.random.Generator):
  y, x = _grid(size)
  count = rng.integers(3, 14)
  return ((x * count).astype(int) + (y * count).astype(int)).astype(
    np.float32
  ) % 2


def _slope(size: int, rng: np.random.Generator):
  along = _turned(size, rng)
  return (along - along.min()) / np.ptp(along)


def _rings(size: int, rng: np.random.Generator):
  y, x = _grid(size)
  middle = rng.uniform(0, 1, 2).astype(np.float32)
  radius = np.hypot(x - middle[0], y - middle[1])
  return 0.5 + 0.5 * np.sin(radius * np.float32(rng.uniform(10, 70)))


def _turned(size: int, rng: np.random.Generator):
  y, x = _grid(size)
  angle = rng.uniform(0, 2 * np.pi)
  return x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))


def _grid(size: int):
  places = (np.arange(size, dtype=np.float32) + 0.5) / size
  return places[:, None], places[None]


_PATTERNS = (clouds, _stripes, _checks, _slope, _rings)
