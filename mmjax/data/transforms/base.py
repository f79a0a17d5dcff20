"""What a transform of images is, and what transforms have in common.

Image augmentation runs on the host: `(uint8 [h w c], rng) -> uint8 [h w c]`.
Every transform is a small frozen dataclass without state, and draws all that
is random from the generator it is given, so that an example's augmentation is
a function of that generator alone.
"""

import dataclasses
import math
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from mmjax.types import InputError

Rng = np.random.Generator | None


@runtime_checkable
class Transform(Protocol):
  """Turns one image into another."""

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> UInt8[np.ndarray, 'H W c']:
    """The new image."""
    ...


@runtime_checkable
class OfPicture(Protocol):
  """A transform that Pillow does, and so of its images as well.

  Then none is copied to an array and back; and JPEG that is not decoded yet is
  decoded as coarsely as will do.
  """

  def of_picture(
    self, image: Image.Image, *, rng: np.random.Generator | None
  ) -> Image.Image:
    """The new image."""
    ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chain:
  """Transforms one after the other."""

  steps: tuple[Transform, ...] = ()
  """Transforms, first to last."""

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> UInt8[np.ndarray, 'H W c']:
    """The image after every step."""
    for step in self.steps:
      image = step(image, rng)
    return image


def to_pil(image: np.ndarray) -> Image.Image:
  """The image as Pillow has it.

  Raises:
    ValueError: it is no uint8 [h w c] of 1, 3 or 4 channels.
  """
  if (
    image.dtype != np.uint8
    or image.ndim != 3
    or image.shape[2] not in (1, 3, 4)
  ):
    raise ValueError(
      'a transform takes uint8 [h w c] with 1, 3 or 4 channels, not '
      f'{image.dtype} {list(image.shape)}'
    )
  return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def to_array(image: Image.Image, channels: int) -> np.ndarray:
  """The image as [h w c], to read."""
  array = np.asarray(image)
  return array[..., None] if channels == 1 else array


def check_size(size: int):
  """Raises InputError where a side is no number of pixels."""
  if size < 1:
    raise InputError(f'size {size} is not a number of pixels: at least 1')


def check_range(name: str, pair: tuple[float, float], most=math.inf):
  """Raises InputError unless two numbers above 0 rise."""
  low, high = pair
  if not 0 < low <= high <= most:
    limit = '' if most == math.inf else f', at most {most:g}'
    raise InputError(
      f'{name} {low:g} {high:g} must be two rising numbers above 0{limit}'
    )


def check_rate(rate: float):
  """Raises InputError where a rate is no probability."""
  if not 0 <= rate <= 1:
    raise InputError(f'rate {rate} is not a probability, 0 to 1')
