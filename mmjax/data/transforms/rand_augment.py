"""RandAugment: a few of fourteen changes, all of one strength."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageEnhance, ImageOps

from mmjax.data.transforms.base import to_array, to_pil
from mmjax.types import InputError

_MOST = 10.0  # magnitude; then changes are as strong as in AutoAugment
_SHEAR = 0.3
_TURN = 30.0  # degrees
_MOVE = 0.45  # share of the side
_FACTOR = 0.9  # of an enhancement, above or below 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandAugment:
  """Changes colour or shape a few times, each time in a way drawn at random.

  RandAugment: Practical automated data augmentation with a reduced search space
  (https://arxiv.org/abs/1909.13719), on Pillow. Those of its changes that have
  a direction go either way. A fourth channel (opacity) is moved with the
  others, its values are not changed.
  """

  number: int = 2
  """Changes of each image, N."""
  magnitude: float = 9.0
  """Strength of each, M, 0 to 10."""
  fill: int = 128
  """Value, 0 to 255, of what comes in from outside the image."""

  def __post_init__(self):
    if self.number < 1:
      raise InputError(f'number {self.number} is not at least 1')
    for name, most in ('magnitude', _MOST), ('fill', 255):
      if not 0 <= getattr(self, name) <= most:
        raise InputError(
          f'{name} {getattr(self, name)} is not between 0 and {most:g}'
        )

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> UInt8[np.ndarray, 'h w c']:
    """The changed image, of the same size."""
    new = to_pil(image)
    names = list(CHANGES)
    for _ in range(self.number):
      change = CHANGES[names[int(rng.integers(len(names)))]]
      level = self.magnitude / _MOST * (-1 if rng.random() < 0.5 else 1)
      new = change(new, level, self.fill)
    return to_array(new, image.shape[2])


Change = Callable[[Image.Image, float, int], Image.Image]


def _color(change: Callable[[Image.Image, float], Image.Image]) -> Change:
  """A change of colours alone."""

  def apply(image: Image.Image, level: float, fill: int) -> Image.Image:
    del fill
    if image.mode != 'RGBA':
      return change(image, level)
    opacity = image.getchannel('A')
    new = change(image.convert('RGB'), level)
    new.putalpha(opacity)
    return new

  return apply


def _enhance(kind: type) -> Change:
  return _color(lambda image, x: kind(image).enhance(1 + _FACTOR * x))


def _move(
  matrix: Callable[[float, int, int], tuple[float, ...]],
) -> Change:
  """A shift or shear; shears keep the first row or column where it is."""

  def apply(image: Image.Image, level: float, fill: int) -> Image.Image:
    return image.transform(
      image.size,
      Image.Transform.AFFINE,
      matrix(level, *image.size),
      Image.Resampling.BILINEAR,
      fillcolor=_fill(image, fill),
    )

  return apply


def _rotate(image: Image.Image, level: float, fill: int) -> Image.Image:
  return image.rotate(
    _TURN * level,
    Image.Resampling.BILINEAR,
    fillcolor=_fill(image, fill),
  )


def _fill(image: Image.Image, value: int) -> int | tuple[int, ...]:
  bands = len(image.getbands())
  return (value,) * bands if bands > 1 else value


# Name -> what to do with an image and a level, -1 to 1. AutoAugment, table 6
# (https://arxiv.org/abs/1805.09501), has the ranges. The stronger, the fewer
# bits and the lower the threshold.
CHANGES: dict[str, Change] = {
  'identity': lambda image, level, fill: image,
  'auto_contrast': _color(lambda image, _: ImageOps.autocontrast(image)),
  'equalize': _color(lambda image, _: ImageOps.equalize(image)),
  'rotate': _rotate,
  'solarize': _color(
    lambda image, x: ImageOps.solarize(image, round(256 * (1 - abs(x))))
  ),
  'posterize': _color(
    lambda image, x: ImageOps.posterize(image, 8 - round(4 * abs(x)))
  ),
  'color': _enhance(ImageEnhance.Color),
  'contrast': _enhance(ImageEnhance.Contrast),
  'brightness': _enhance(ImageEnhance.Brightness),
  'sharpness': _enhance(ImageEnhance.Sharpness),
  'shear_x': _move(lambda x, w, h: (1, _SHEAR * x, 0, 0, 1, 0)),
  'shear_y': _move(lambda x, w, h: (1, 0, 0, _SHEAR * x, 1, 0)),
  'translate_x': _move(lambda x, w, h: (1, 0, _MOVE * x * w, 0, 1, 0)),
  'translate_y': _move(lambda x, w, h: (1, 0, 0, 0, 1, _MOVE * x * h)),
}
