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
    return to_array(self.of_picture(to_pil(image)), image.shape[2])

  def of_picture(self, image: Image.Image, *, rng: Rng = None) -> Image.Image:
    """The same, of an image of Pillow's."""
    del rng
    if image.size == (self.size, self.size):
      return image
    w, h = image.size
    return _resized(image, (0.0, 0.0, float(w), float(h)), self.size)


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
    return to_array(self.of_picture(to_pil(image), rng=rng), image.shape[2])

  def of_picture(
    self, image: Image.Image, *, rng: np.random.Generator | None
  ) -> Image.Image:
    """The same, of an image of Pillow's."""
    if rng is None:
      raise ValueError('a random part needs a generator')
    w, h = image.size
    return _resized(image, self._box(h, w, rng), self.size)

  def box(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the part, in pixels."""
    h, w = image.shape[:2]
    return self._box(h, w, rng)

  def _box(
    self, h: int, w: int, rng: np.random.Generator
  ) -> tuple[float, float, float, float]:
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


def _resized(
  image: Image.Image, box: tuple[float, ...], size: int
) -> Image.Image:
  """A part, resized to a square."""
  w, h = image.size
  left, top, right, bottom = box
  scale = min(right - left, bottom - top) / size
  if scale >= 2:
    # JPEG is decoded at a half, a quarter or an eighth; others stay.
    image.draft('RGB', (math.ceil(w / scale), math.ceil(h / scale)))
  x, y = image.width / w, image.height / h
  part = (left * x, top * y, min(right * x, image.width))
  return image.resize(
    (size, size),
    Image.Resampling.BICUBIC,
    box=(*part, min(bottom * y, image.height)),
  )
