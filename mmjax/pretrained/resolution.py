"""Pictures of another size than a checkpoint was trained on."""

import dataclasses
from pathlib import Path
from typing import Any

from mmjax.layers import LearnedPositions, ResampledPositions
from mmjax.pretrained.architecture import Architecture
from mmjax.pretrained.images import ImageProcessor
from mmjax.types import InputError


def at_resolution(
  architecture: Architecture, size: int, *, source: Path
) -> Architecture:
  """The architecture for square pictures of another size.

  Parameters stay those of the checkpoint: the vectors of its positions are
  resampled each time (bicubic, as transformers does with
  `interpolate_pos_encoding`), so that it is trained, and exported, at the
  resolution that they were learned at.

  Args:
    architecture: of the checkpoint.
    size: side of the pictures in pixels.
    source: where the checkpoint is, for errors.

  Raises:
    InputError: it takes no pictures, or none of that size.
  """
  model: Any = architecture.model
  if architecture.image is None:
    raise InputError(f'image_size {size}: {source} takes no pictures')
  encoder = model.encoders['image']
  patch_size = getattr(encoder, 'patch_size', 1)
  if size < 1 or size % patch_size:
    raise InputError(
      f'image_size {size} is not divisible by patch_size {patch_size} of '
      f'{source}'
    )
  # Others take any size, or resample already.
  if isinstance(getattr(encoder, 'positions', None), LearnedPositions):
    _, height, width, _ = architecture.inputs['image'].shape
    grid = encoder.grid(height, width)
    encoder = encoder.copy(positions=ResampledPositions(grid=grid))
    model = model.copy(encoders={**model.encoders, 'image': encoder})
  return architecture._replace(
    model=model, image=_resized(architecture.image, size)
  )


def _resized(image: ImageProcessor, size: int) -> ImageProcessor:
  """What prepares pictures, with the share that it cuts off kept."""
  if image.crop is None:
    return dataclasses.replace(image, size=(size, size))
  scale = size / min(image.crop)
  old = image.size
  new: Any = None
  if isinstance(old, int):
    new = max(size, round(old * scale))
  elif old is not None:
    new = tuple(max(size, round(one * scale)) for one in old)
  return dataclasses.replace(image, size=new, crop=(size, size))
