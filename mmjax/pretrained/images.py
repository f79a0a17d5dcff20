"""From pictures of any kind to the pixels that a checkpoint was trained on."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmjax.types import InputError

Picture = Any
"""A PIL image, an array `[h w]`, `[h w c]` or `[c h w]`, or a path."""


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
  square: bool = True
  """Whether the single number of an old file is both height and width."""

  def read(self, config: Mapping[str, Any]) -> 'ImageProcessor':
    """With what a `preprocessor_config.json` says in place of the defaults.

    What it leaves out is as in the class of transformers that it names, or as
    here if it names none or another.

    Raises:
      InputError: it wants something that is not known here.
    """
    kind = _kind(config)
    base = CLASSES.get(kind, self)
    # Nothing is the same as null there.
    config = {k: v for k, v in config.items() if v is not None}
    size = base.size
    if 'size' in config:
      size = _size(config['size'], square=base.square)
    crop = base.crop
    if 'crop_size' in config:
      crop = _square(_size(config['crop_size'], square=True))
    if not config.get('do_center_crop', base.crop is not None):
      crop = None
    if not config.get('do_resize', True):
      size = None
    elif kind == 'ConvNext':
      size, crop = _shrink(size, config.get('crop_pct', 224 / 256), crop)
    scale = config.get('rescale_factor', 1 / 255)
    if not config.get('do_rescale', True) or abs(scale * 255 - 1) > 1e-6:
      raise InputError(
        f'preprocessor_config.json: rescale_factor {scale} is not 1 / 255'
      )
    if config.get('do_pad', False):
      raise InputError('preprocessor_config.json: do_pad is not known')
    mean = _channels(config.get('image_mean', base.mean))
    std = _channels(config.get('image_std', base.std))
    if not config.get('do_normalize', True):
      mean, std = (0.0,) * 3, (1.0,) * 3
    return dataclasses.replace(
      base,
      size=size,
      crop=crop,
      resample=Image.Resampling(config.get('resample', base.resample)),
      mean=mean,
      std=std,
    )

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


CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
# What transformers' classes do where a file does not say.
_CENTER = ImageProcessor(
  size=224, crop=(224, 224), mean=CLIP_MEAN, std=CLIP_STD, square=False
)
CLASSES = {
  'Bit': _CENTER,
  'CLIP': _CENTER,
  'ConvNext': ImageProcessor(size=384, square=False),
  'DeiT': ImageProcessor(size=(256, 256), crop=(224, 224)),
  'Siglip': ImageProcessor(size=(224, 224), square=False),
  'ViT': ImageProcessor(size=(224, 224), resample=Image.Resampling.BILINEAR),
}


def open_picture(picture: Picture) -> Image.Image:
  """A picture in RGB; what is transparent shows white.

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
    return _on_white(picture)
  x = np.asarray(picture)
  if x.ndim == 2:
    x = np.repeat(x[..., None], 3, axis=-1)
  if x.ndim == 3 and x.shape[-1] not in (1, 3, 4) and x.shape[0] in (1, 3, 4):
    x = np.moveaxis(x, 0, -1)
  if x.ndim != 3 or x.shape[-1] not in (1, 3, 4):
    raise InputError(f'a picture has shape {x.shape}, not [h w 3]')
  if np.issubdtype(x.dtype, np.floating):
    if x.size and not (x.min() >= 0 and x.max() <= 1):
      raise InputError('a picture of floats is not in 0..1')
    x = np.rint(x * 255)
  elif x.size and (x.min() < 0 or x.max() > 255):
    raise InputError(f'a picture of {x.dtype} is not in 0..255')
  if x.shape[-1] == 4:
    alpha = x[..., 3:] / 255
    x = np.rint(alpha * x[..., :3] + (1 - alpha) * 255)
  x = np.repeat(x, 3, axis=-1) if x.shape[-1] == 1 else x
  return Image.fromarray(x.astype(np.uint8))


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


def _on_white(picture: Image.Image) -> Image.Image:
  if 'A' not in picture.getbands() and 'transparency' not in picture.info:
    return picture.convert('RGB')
  picture = picture.convert('RGBA')
  white = Image.new('RGBA', picture.size, (255, 255, 255, 255))
  return Image.alpha_composite(white, picture).convert('RGB')


def _kind(config: Mapping[str, Any]) -> str:
  """`CLIP` of `CLIPImageProcessorFast` or of the older `CLIPFeatureExtractor`.

  Empty if a file names no class.
  """
  name = config.get('image_processor_type') or config.get(
    'feature_extractor_type'
  )
  return re.sub('(ImageProcessor|FeatureExtractor).*$', '', name or '')


def _shrink(
  size: tuple[int, int] | int | None,
  share: float,
  crop: tuple[int, int] | None,
) -> tuple[tuple[int, int] | int, tuple[int, int] | None]:
  """Size and crop of ConvNeXt: large pictures are warped, not cropped."""
  if not isinstance(size, int):
    raise InputError(
      f'preprocessor_config.json: size {size} has no shortest_edge'
    )
  if size >= 384:
    return (size, size), crop
  if crop not in (None, (size, size)):
    raise InputError(
      f'preprocessor_config.json: crop_size {crop} after a crop to {size}'
    )
  return int(size / share), (size, size)


def _size(value: Any, *, square: bool) -> tuple[int, int] | int:
  """Older files hold a number, newer ones an object."""
  if isinstance(value, int):
    return (value, value) if square else value
  if isinstance(value, Sequence) and len(value) == 2:
    return int(value[0]), int(value[1])
  if isinstance(value, Mapping):
    told = {k: int(v) for k, v in value.items() if v is not None}
    if told.keys() == {'shortest_edge'}:
      return told['shortest_edge']
    if told.keys() == {'height', 'width'}:
      return told['height'], told['width']
  raise InputError(f'preprocessor_config.json: size {value!r} is not known')


def _square(size: tuple[int, int] | int) -> tuple[int, int]:
  return (size, size) if isinstance(size, int) else size


def _channels(value: Any) -> tuple[float, ...]:
  return (value,) * 3 if isinstance(value, int | float) else tuple(value)
