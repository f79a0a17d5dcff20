"""A square with things on it, and the picture of one who stands there.

Generated. The world has metres east and north of the middle of the square,
where a fountain is (which no picture shows); the viewer has metres ahead and to
the left.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from mmjax.data import textures

EYE = 1.7  # metres of the camera over the ground
FOCAL = 0.85  # focal length, in sides of the picture: 61 degrees are seen
HORIZON = 0.3  # its row, in sides of the picture
DEPTHS = (2.5, 6.0)  # metres ahead
SIDES = (1.2, 2.2)  # metres of the longer side of a thing
REACH = 8.0  # metres from the middle that the viewer stands at, at most
_APART = 0.4  # metres ahead between two things, at least
_SEEN = 0.6  # of a thing, at least
_TRIES = 8  # places that are tried for a thing before it is left out

Draw = Callable[[], tuple[UInt8[np.ndarray, 'h w 4'], int]]


class Pose(NamedTuple):
  """Where the viewer stands, and looks to.

  Attributes:
    place: metres east and north.
    heading: radians from east, to the left.
  """

  place: Float[np.ndarray, ' 2']
  heading: float


class View(NamedTuple):
  """A picture and what is in it, the farthest first.

  Attributes:
    image: the picture.
    boxes: left, top, right, bottom of what is seen of each, 0 to 1.
    places: metres ahead and to the left of each.
    numbers: what was drawn.
  """

  image: UInt8[np.ndarray, 'size size 3']
  boxes: Float[np.ndarray, 'm 4']
  places: Float[np.ndarray, 'm 2']
  numbers: Sequence[int]


def draw_pose(rng: np.random.Generator) -> Pose:
  """Anywhere on the square, whatever the heading."""
  return Pose(rng.uniform(-REACH, REACH, 2), float(rng.uniform(0, 2 * np.pi)))


def to_world(
  places: Float[np.ndarray, '*m 2'], pose: Pose
) -> Float[np.ndarray, '*m 2']:
  """Metres east and north of what is so far ahead and to the left."""
  c, s = np.cos(pose.heading), np.sin(pose.heading)
  return pose.place + places @ np.array([[c, s], [-s, c]])


def to_ground(
  feet: Float[np.ndarray, '*m 2'],
) -> Float[np.ndarray, '*m 2']:
  """Metres ahead and to the left of points of the ground.

  Args:
    feet: column and row, in sides of the picture; what is over the horizon
      counts as far away.
  """
  below = np.maximum(feet[..., 1] - HORIZON, 1e-2)
  ahead = FOCAL * EYE / below
  return np.stack([ahead, (0.5 - feet[..., 0]) * ahead / FOCAL], axis=-1)


def look(size: int, count: int, draw: Draw, rng: np.random.Generator) -> View:
  """Draws a ground, a sky and up to so many things.

  Args:
    size: side of the picture.
    count: things; one that would hide another too far is left out.
    draw: gives a stamp and what it is.
    rng: of everything else.
  """
  image = _faded(textures.ground(size, rng), rng)
  sky = round(HORIZON * size)
  high, low = rng.uniform(0, 255, (2, 3)).astype(np.float32)
  down = np.linspace(0, 1, sky, dtype=np.float32)[:, None, None]
  image[:sky] = high + (low - high) * down
  near, far = DEPTHS
  # Sorted, and so much apart.
  free = np.sort(rng.uniform(near, far - _APART * (count - 1), count))
  depths = (free + _APART * np.arange(count))[::-1]
  shown = np.full((size, size), -1)
  whole, places, numbers = [], [], []
  for ahead in depths:
    cut, number = draw()
    stamp = _resized(cut, rng.uniform(*SIDES) * FOCAL * size / ahead)
    for _ in range(_TRIES):
      left = rng.uniform(-0.42, 0.42) * ahead / FOCAL
      found = _paste(shown, stamp, ahead, left, whole)
      if found is None:
        continue
      (where, part), pixels = found
      alpha = part[..., 3:].astype(np.float32) / 255
      image[where] += alpha * (part[..., :3] - image[where])
      shown[where][part[..., 3] > 127] = len(whole)
      whole.append(pixels)
      places.append((ahead, left))
      numbers.append(number)
      break
  boxes = [_box(shown == i) for i in range(len(whole))]
  return View(
    np.rint(np.clip(image, 0, 255)).astype(np.uint8),
    np.array(boxes, np.float32).reshape(-1, 4),
    np.array(places, np.float32).reshape(-1, 2),
    numbers,
  )


def _faded(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """With less contrast, so that things stand out a little."""
  mean = image.mean(axis=(0, 1))
  return mean + (image - mean) * np.float32(rng.uniform(0.1, 0.5))


def _resized(cut: np.ndarray, side: float) -> UInt8[np.ndarray, 'h w 4']:
  scale = side / max(cut.shape[:2])
  h, w = (max(2, round(n * scale)) for n in cut.shape[:2])
  return np.asarray(Image.fromarray(cut).resize((w, h), Image.Resampling.BOX))


def _paste(
  shown: np.ndarray,
  stamp: np.ndarray,
  ahead: float,
  left: float,
  whole: Sequence[int],
):
  """Where a stamp that stands there is seen, which part of it, and its pixels,
  or None if too little of it or of another one would be."""
  size, (h, w) = len(shown), stamp.shape[:2]
  top = round((HORIZON + FOCAL * EYE / ahead) * size) - h
  start = round((0.5 - FOCAL * left / ahead) * size - w / 2)
  rows = slice(max(top, 0), min(top + h, size))
  columns = slice(max(start, 0), min(start + w, size))
  part = stamp[rows.start - top : rows.stop - top]
  part = part[:, columns.start - start : columns.stop - start]
  inside, all_of_it = part[..., 3] > 127, int((stamp[..., 3] > 127).sum())
  if not all_of_it or inside.sum() < _SEEN * all_of_it:
    return None
  after = shown.copy()
  after[rows, columns][inside] = len(whole)
  pixels = np.array([*whole, all_of_it])
  seen = np.bincount(after[after >= 0], minlength=len(pixels))
  if (seen < _SEEN * pixels).any():
    return None
  return ((rows, columns), part), all_of_it


def _box(seen: np.ndarray) -> tuple[float, ...]:
  """Left, top, right, bottom of what is True, as shares of the sides."""
  rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
  corners = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
  return tuple(float(n / len(seen)) for n in corners)
