"""Images with a hole."""

import dataclasses
import math
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from mmjax.data.transforms.base import check_range, check_rate
from mmjax.types import InputError

_ATTEMPTS = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomErasing:
  """Writes over a random rectangle of some images.

  Random Erasing Data Augmentation (https://arxiv.org/abs/1708.04896).
  """

  rate: float = 0.5
  """Probability of erasing anything."""
  scale: tuple[float, float] = (0.02, 0.4)
  """Smallest and largest share of the area."""
  ratio: tuple[float, float] = (0.3, 1 / 0.3)
  """Smallest and largest height / width of the rectangle."""
  fill: Literal['noise', 'value'] = 'noise'
  """Whether each value is drawn, uniform in 0 to 255, or is `value`."""
  value: int = 0
  """What stands there then."""

  def __post_init__(self):
    check_rate(self.rate)
    check_range('scale', self.scale, 1.0)
    check_range('ratio', self.ratio)
    if not 0 <= self.value <= 255:
      raise InputError(f'value {self.value} is not between 0 and 255')

  def __call__(
    self, image: UInt8[np.ndarray, 'h w c'], rng: np.random.Generator
  ) -> UInt8[np.ndarray, 'h w c']:
    """The image, whole or not; too long a rectangle is left out."""
    if rng.random() >= self.rate:
      return image
    h, w, c = image.shape
    for _ in range(_ATTEMPTS):
      area = rng.uniform(*self.scale) * h * w
      ratio = math.exp(rng.uniform(*np.log(self.ratio)))
      height, width = (
        round(math.sqrt(area * ratio)),
        round(math.sqrt(area / ratio)),
      )
      if not (1 <= height <= h and 1 <= width <= w):
        continue
      top = int(rng.integers(h - height + 1))
      left = int(rng.integers(w - width + 1))
      image = image.copy()
      hole = image[top : top + height, left : left + width]
      if self.fill == 'noise':
        hole[...] = rng.integers(0, 256, (height, width, c), np.uint8)
      else:
        hole[...] = self.value
      break
    return image
