"""Images in other colours."""

import dataclasses
import math

import numpy as np
from jaxtyping import UInt8

from mmjax.types import InputError

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


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


def _turn(hue: float) -> np.ndarray:
  """Matrix that turns colours by `hue` circles about the grey axis."""
  angle = 2 * math.pi * hue
  cos, sin = math.cos(angle), math.sin(angle)
  axis = np.full(3, 1 / math.sqrt(3))
  cross = np.cross(np.eye(3), axis)
  return cos * np.eye(3) + sin * cross + (1 - cos) * np.outer(axis, axis)
