"""Images to one size: all of them, or a random part."""

import dataclasses
import math

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from mmjax.data.transforms.base import (
  Rng,
  check_range,
  check_size,
  to_array,
  to_pil,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resize:
  """Makes an image square (bicubic, antialiased), whatever its shape was."""

  size: int
  """Side of the new image in pixels."""

  def __post_init__(self):
    check_size(self.size)

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: Rng = None
  ) -> UInt8[np.ndarray, 'H W c']:
    """The resized image; draws nothing."""
    if image.shape[:2] == (self.size, self.size):
      return image
    side = self.size
    new = to_pil(image).resize((side, side), Image.Resampling.BICUBIC)
    return to_array(new, image.shape[2])


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomResizedCrop:
  """Cuts out a random part and resizes it to a square.

  After Szegedy et al., Going deeper with convolutions
  (https://arxiv.org/abs/1409.4842).
  """

  size: int
  """Side of the new image in pixels."""
  scale: tuple[float, float] = (0.08, 1.0)
  """Smallest and largest share of the area to keep."""
  ratio: tuple[float, float] = (3 / 4, 4 / 3)
  """Smallest and largest width / height of what is cut out."""

  def __post_init__(self):
    check_size(self.size)
    check_range('scale', self.scale, 1.0)
    check_range('ratio', self.ratio)

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> UInt8[np.ndarray, 'H W c']:
    """The resized part."""
    new = to_pil(image).resize(
      (self.size, self.size), Image.Resampling.BICUBIC, box=self.box(image, rng)
    )
    return to_array(new, image.shape[2])

  def box(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the part, in pixels."""
    h, w = image.shape[:2]
    for _ in range(10):
      area = rng.uniform(*self.scale) * h * w
      ratio = math.exp(rng.uniform(*np.log(self.ratio)))
      width, height = math.sqrt(area * ratio), math.sqrt(area / ratio)
      if width <= w and height <= h:
        left, top = rng.uniform(0, w - width), rng.uniform(0, h - height)
        return left, top, left + width, top + height
    # A very long image: the middle, as near to the wanted shape as it goes.
    ratio = min(max(w / h, self.ratio[0]), self.ratio[1])
    width, height = min(w, h * ratio), min(h, w / ratio)
    left, top = (w - width) / 2, (h - height) / 2
    return left, top, left + width, top + height
