"""Pixels unlike the ground, connected, and the boxes around them."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage


class Blobs(NamedTuple):
  """Of a picture, the largest first.

  Attributes:
    corners: left, top, right, bottom in pixels.
    area: pixels.
  """

  corners: Float[np.ndarray, 'm 4']
  area: Float[np.ndarray, ' m']


def find(wanted: Bool[np.ndarray, 'h w']) -> Blobs:
  """Connected pixels that are wanted; what is no wider than two is noise."""
  found: Any = ndimage.label(ndimage.binary_opening(wanted))
  marked, count = found
  area = np.bincount(marked.ravel(), minlength=count + 1)[1:].astype(float)
  corners = np.array(
    [
      (x.start, y.start, x.stop, y.stop)
      for y, x in ndimage.find_objects(marked)
    ],
    float,
  ).reshape(-1, 4)
  order = np.argsort(-area, kind='stable')
  return Blobs(corners[order], area[order])


def unlike_border(
  image: UInt8[np.ndarray, 'h w c'], *, differs: float
) -> Bool[np.ndarray, 'h w']:
  """Which pixels differ by more in colour from the median of the border."""
  pixels = image.astype(float)
  border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
  return np.linalg.norm(pixels - np.median(border, axis=0), axis=-1) > differs
