"""From pictures of any kind to the pixels that a checkpoint was trained on."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmjax.types import InputError

Picture = Any
"""A PIL image, an array `[h w]`, `[h w c]` or `[c h w]`, or a path."""
_UNCROPPED = 384  # the least side of which `crop_pct` crops nothing


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageProcessor:
  """Resizes and crops as `preprocessor_config.json` says.

  What rescales and normalises is the encoder's own door: pixels stay integers
  in 0..255 here.
  """

  size: tuple[int, int] | int | None = None
  """Height and width to resize to; one number is that of the shorter side."""
  crop: tuple[int, int] | None = None
  """Height and width of the centre that is kept; zeros where there is none."""
  resample: Image.Resampling = Image.Resampling.BICUBIC
  """Filter of the resizing."""
  mean: tuple[float, ...] = (0.5, 0.5, 0.5)
  """Subtracted from each channel in 0..1 by the encoder."""
  std: tuple[float, ...] = (0.5, 0.5, 0.5)
  """Each channel is divided by it there."""

  def read(self, config: Mapping[str, Any]) -> 'ImageProcessor':
    """With what a `preprocessor_config.json` says in place of the defaults.

    Raises:
      InputError: it wants something that is not known here.
    """
    if not config:
      return self
    found: dict[str, Any] = {}
    if config.get('do_resize', True):
      if 'size' in config:
        found['size'] = _size(config['size'])
        if isinstance(config['size'], int) and isinstance(self.size, tuple):
          # What was a square before there were objects.
          found['size'] = (config['size'],) * 2
    else:
      found['size'] = None
    if not config.get('do_center_crop', self.crop is not None):
      found['crop'] = None
    elif 'crop_size' in config:
      crop = _size(config['crop_size'])
      found['crop'] = (crop, crop) if isinstance(crop, int) else crop
    side: Any = found.get('size')
    if 'crop_pct' in config and isinstance(side, int):
      found |= _share(side, config['crop_pct'])
    if 'resample' in config:
      found['resample'] = Image.Resampling(config['resample'])
    scale = config.get('rescale_factor', 1 / 255)
    if not config.get('do_rescale', True) or abs(scale * 255 - 1) > 1e-6:
      raise InputError(f'rescale_factor {scale} is not 1 / 255')
    if config.get('do_normalize', True):
      for name in ('mean', 'std'):
        if f'image_{name}' in config:
          found[name] = tuple(config[f'image_{name}'])
    else:
      found |= {'mean': (0.0,) * 3, 'std': (1.0,) * 3}
    return dataclasses.replace(self, **found)

  def __call__(self, pictures: Sequence[Picture]) -> np.ndarray:
    """Makes one array `[b h w c]` of bytes.

    Raises:
      InputError: something is no picture, or sizes differ and stay so.
    """
    arrays = [self._one(open_picture(picture)) for picture in pictures]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
      raise InputError(f'pictures of several sizes: {sorted(shapes)}')
    return np.stack(arrays)

  def _one(self, picture: Image.Image) -> np.ndarray:
    if self.size is not None:
      w, h = picture.size
      size = self.size
      if isinstance(size, int):
        short = min(h, w)
        size = (int(size * h / short), int(size * w / short))
      picture = picture.resize((size[1], size[0]), self.resample)
    x = np.asarray(picture)
    return x if self.crop is None else center_crop(x, self.crop)


def open_picture(picture: Picture) -> Image.Image:
  """A picture in RGB; what is transparent is dropped with its alpha.

  Raises:
    InputError: it is no picture.
  """
  if isinstance(picture, str | Path):
    try:
      picture = Image.open(picture)
      picture.load()
    except OSError as error:
      raise InputError(f'{picture} is not a picture: {error}') from error
  if isinstance(picture, Image.Image):
    return picture.convert('RGB')
  x = np.asarray(picture)
  if x.ndim == 2:
    x = np.repeat(x[..., None], 3, axis=-1)
  if x.ndim == 3 and x.shape[-1] not in (1, 3, 4) and x.shape[0] in (1, 3, 4):
    x = np.moveaxis(x, 0, -1)
  if x.ndim != 3 or x.shape[-1] not in (1, 3, 4):
    raise InputError(f'a picture has shape {x.shape}, not [h w 3]')
  if np.issubdtype(x.dtype, np.floating):
    if x.size and (x.min() < 0 or x.max() > 1):
      raise InputError('a picture of floats is not in 0..1')
    x = np.rint(x * 255)
  x = np.repeat(x, 3, axis=-1) if x.shape[-1] == 1 else x
  return Image.fromarray(x.astype(np.uint8)).convert('RGB')


def center_crop(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """The centre of `[h w c]`, with zeros around it if it is smaller."""
  for axis, want in enumerate(size):
    have = x.shape[axis]
    if have < want:
      before = -(-(want - have) // 2)
      sides = [(0, 0)] * x.ndim
      sides[axis] = (before, want - have - before)
      x = np.pad(x, sides)
    else:
      first = (have - want) // 2
      x = np.take(x, np.arange(first, first + want), axis=axis)
  return x


def _share(side: int, share: float) -> dict[str, Any]:
  """As ConvNeXt and ResNet crop: small pictures to a share of their side."""
  if side < _UNCROPPED:
    return {'size': int(side / share), 'crop': (side, side)}
  return {'size': (side, side), 'crop': None}


def _size(value: Any) -> tuple[int, int] | int:
  """Older files hold a number, newer ones an object."""
  if isinstance(value, int):
    return value
  if isinstance(value, Mapping) and 'shortest_edge' in value:
    return int(value['shortest_edge'])
  if isinstance(value, Mapping) and {'height', 'width'} <= value.keys():
    return int(value['height']), int(value['width'])
  if isinstance(value, Sequence) and len(value) == 2:
    return int(value[0]), int(value[1])
  raise InputError(f'preprocessor_config.json: size {value!r} is not known')
