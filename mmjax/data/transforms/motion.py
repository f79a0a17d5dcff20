"""Images mirrored, shifted, turned and scaled."""

import dataclasses
import math

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from mmjax.data.transforms.base import (
  check_range,
  check_rate,
  to_array,
  to_pil,
)
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomFlip:
  """Mirrors some images, left to right."""

  rate: float = 0.5
  """Probability of mirroring."""

  def __post_init__(self):
    check_rate(self.rate)

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> UInt8[np.ndarray, 'h w c']:
    """The image, mirrored or not."""
    if rng.random() < self.rate:
      # Twice as fast as to copy what is indexed by ::-1.
      return image.take(range(image.shape[1] - 1, -1, -1), axis=1)
    return image

  def of_picture(
    self, image: Image.Image, *, rng: np.random.Generator | None
  ) -> Image.Image:
    """The same, of an image of Pillow's."""
    if rng is not None and rng.random() < self.rate:
      return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomAffine:
  """Shifts, turns and scales an image about its middle (bilinear)."""

  shift: float = 0.0
  """Largest shift along each axis, as a share of the side."""
  rotate: float = 0.0
  """Largest turn, degrees."""
  scale: tuple[float, float] = (1.0, 1.0)
  """Smallest and largest factor by which things grow."""
  fill: int = 0
  """Value, 0 to 255, of what comes in from outside the image."""

  def __post_init__(self):
    check_range('scale', self.scale)
    for name, most in ('shift', 1), ('rotate', 180), ('fill', 255):
      if not 0 <= getattr(self, name) <= most:
        raise InputError(
          f'{name} {getattr(self, name)} is not between 0 and {most}'
        )

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> UInt8[np.ndarray, 'h w c']:
    """The moved image, of the same size."""
    h, w, c = image.shape
    angle = math.radians(rng.uniform(-self.rotate, self.rotate))
    scale = math.exp(rng.uniform(*np.log(self.scale)))
    dx, dy = rng.uniform(-self.shift, self.shift, 2) * (w, h)
    # Pillow wants where each new pixel comes from: the inverse of the motion,
    # about the middle.
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    x, y = w / 2, h / 2
    from_x = (cos, sin, x - cos * (x + dx) - sin * (y + dy))
    from_y = (-sin, cos, y + sin * (x + dx) - cos * (y + dy))
    new = to_pil(image).transform(
      (w, h),
      Image.Transform.AFFINE,
      from_x + from_y,
      Image.Resampling.BILINEAR,
      fillcolor=(self.fill,) * c if c > 1 else self.fill,
    )
    return to_array(new, c)
