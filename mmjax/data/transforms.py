"""Image augmentation on the host: `(uint8 [h w c], rng) -> uint8 [h w c]`.

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
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@runtime_checkable
class Transform(Protocol):
  """Turns one image into another."""

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> UInt8[np.ndarray, 'H W c']:
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resize:
  """Makes an image square (bicubic, antialiased), whatever its shape was."""

  size: int
  """Side of the new image in pixels."""

  def __post_init__(self):
    _check_size(self.size)

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: Rng = None
  ) -> UInt8[np.ndarray, 'H W c']:
    """The resized image; draws nothing."""
    if image.shape[:2] == (self.size, self.size):
      return image
    side = self.size
    new = _to_pil(image).resize((side, side), Image.Resampling.BICUBIC)
    return _to_array(new, image.shape[2])


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
    _check_size(self.size)
    _check_range('scale', self.scale, 1.0)
    _check_range('ratio', self.ratio)

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> UInt8[np.ndarray, 'H W c']:
    """The resized part."""
    new = _to_pil(image).resize(
      (self.size, self.size), Image.Resampling.BICUBIC, box=self.box(image, rng)
    )
    return _to_array(new, image.shape[2])

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomFlip:
  """Mirrors some images, left to right."""

  rate: float = 0.5
  """Probability of mirroring."""

  def __post_init__(self):
    if not 0 <= self.rate <= 1:
      raise InputError(f'rate {self.rate} is not a probability, 0 to 1')

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> UInt8[np.ndarray, 'h w c']:
    """The image, mirrored or not."""
    if rng.random() < self.rate:
      return np.ascontiguousarray(image[:, ::-1])
    return image


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColorJitter:
  """Changes brightness, contrast, saturation and hue at random.

  Each strength `x` draws a factor from 1 - x to 1 + x. An image of one channel
  has neither saturation nor hue, and a fourth channel (opacity) stays as it is.
  """

  brightness: float = 0.0
  """Largest relative change of the brightness."""
  contrast: float = 0.0
  """Largest relative change of the contrast about the image's mean grey."""
  saturation: float = 0.0
  """Largest relative change of the saturation."""
  hue: float = 0.0
  """Largest turn of the colours about the grey axis; 0.5 is half a circle."""

  def __post_init__(self):
    for name in ('brightness', 'contrast', 'saturation', 'hue'):
      value, most = getattr(self, name), 0.5 if name == 'hue' else 1.0
      if not 0 <= value <= most:
        raise InputError(f'{name} {value} is not between 0 and {most:g}')

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> UInt8[np.ndarray, 'h w c']:
    """The image in other colours."""
    brightness = 1 + rng.uniform(-self.brightness, self.brightness)
    contrast = 1 + rng.uniform(-self.contrast, self.contrast)
    saturation = 1 + rng.uniform(-self.saturation, self.saturation)
    hue = rng.uniform(-self.hue, self.hue)
    x = image[..., :3].astype(np.float32)
    # All four are linear in the colour, so one matrix product does them all.
    if x.shape[-1] == 3:
      grey = np.outer(np.ones(3, np.float32), _LUMA)
      colour = _turn(hue) @ (saturation * np.eye(3) + (1 - saturation) * grey)
      x = x @ (brightness * contrast * colour.T).astype(np.float32)
      mean = brightness * float(image[..., :3].mean(axis=(0, 1)) @ _LUMA)
    else:
      x = x * np.float32(brightness * contrast)
      mean = brightness * float(image.mean())
    x = x + np.float32((1 - contrast) * mean)
    x = np.clip(np.rint(x), 0, 255).astype(np.uint8)
    return np.concatenate([x, image[..., 3:]], axis=-1)


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
    _check_range('scale', self.scale)
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
    new = _to_pil(image).transform(
      (w, h),
      Image.Transform.AFFINE,
      from_x + from_y,
      Image.Resampling.BILINEAR,
      fillcolor=(self.fill,) * c if c > 1 else self.fill,
    )
    return _to_array(new, c)


def _turn(hue: float) -> np.ndarray:
  """Matrix that turns colours by `hue` circles about the grey axis."""
  angle = 2 * math.pi * hue
  cos, sin = math.cos(angle), math.sin(angle)
  axis = np.full(3, 1 / math.sqrt(3))
  cross = np.cross(np.eye(3), axis)
  return cos * np.eye(3) + sin * cross + (1 - cos) * np.outer(axis, axis)


def _to_pil(image: np.ndarray) -> Image.Image:
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


def _to_array(image: Image.Image, channels: int) -> np.ndarray:
  array = np.array(image)
  return array[..., None] if channels == 1 else array


def _check_size(size: int):
  if size < 1:
    raise InputError(f'size {size} is not a number of pixels: at least 1')


def _check_range(name: str, pair: tuple[float, float], most=math.inf):
  low, high = pair
  if not 0 < low <= high <= most:
    limit = '' if most == math.inf else f', at most {most:g}'
    raise InputError(
      f'{name} {low:g} {high:g} must be two rising numbers above 0{limit}'
    )
