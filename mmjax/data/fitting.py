"""Pictures of any kind as those of one data set: `uint8 [h w c]` to the same.

None of these draws anything: each stands where a data set resizes at last.
"""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from mmjax.data import images
from mmjax.data.transforms import Resize
from mmjax.types import InputError

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclasses.dataclass(frozen=True, kw_only=True)
class Letterbox:
  """Fits a picture into a white square, and resizes that."""

  canvas: int
  """Side of the white square in pixels."""
  resize: Any
  """What makes the new picture of it: Resize, or `pretrained.PixelsFor`."""

  def __post_init__(self):
    if self.canvas < 1:
      raise InputError(f'canvas {self.canvas} must be at least 1 pixel')

  def __call__(
    self,
    image: UInt8[np.ndarray, 'h w 3'],
    rng: np.random.Generator | None = None,
  ) -> UInt8[np.ndarray, 'H W 3']:
    """The resized square; draws nothing."""
    del rng
    fitted = images.fit(Image.fromarray(image), self.canvas)
    square = images.pad_square(np.array(fitted), self.canvas)
    return self.resize(square, None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ink:
  """A small grey square in which white paper is 0, as in MNIST."""

  size: int
  """Side of the new picture in pixels."""

  def __post_init__(self):
    if self.size < 1:
      raise InputError(f'size {self.size} must be at least 1 pixel')

  def __call__(
    self,
    image: UInt8[np.ndarray, 'h w 3'],
    rng: np.random.Generator | None = None,
  ) -> UInt8[np.ndarray, 'H W 1']:
    """The resized picture; draws nothing."""
    del rng
    small = Resize(size=self.size)(image)
    return (255 - np.rint(small @ _LUMA)).astype(np.uint8)[..., None]
