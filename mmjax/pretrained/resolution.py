"""Pictures and sounds of other sizes than a checkpoint was trained on."""

import dataclasses
from pathlib import Path
from typing import Any

from mmjax.encoders import AudioSpectrogramTransformer
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


def at_length(
  architecture: Architecture, seconds: float, *, source: Path
) -> Architecture:
  """The architecture for sounds of another length, longer or shorter.

  The vectors of positions are resampled in time like those of pictures.

  Args:
    architecture: of the checkpoint.
    seconds: length of all sounds; what is longer is cut.
    source: where the checkpoint is, for errors.

  Raises:
    InputError: it has no vectors for the moments of a sound, or the sound is
      shorter than a patch.
  """
  model: Any = architecture.model
  if architecture.audio is None:
    raise InputError(f'seconds {seconds}: {source} takes no sounds')
  encoder = model.encoders['audio']
  if not isinstance(encoder, AudioSpectrogramTransformer):
    raise InputError(
      f'seconds {seconds}: {source} has no learned positions in time'
    )
  old: Any = encoder.spectrogram
  frames = round(seconds * old.sample_rate / old.hop)
  if frames < encoder.patch_size[0]:
    raise InputError(
      f'seconds {seconds} are {frames} frames, below the '
      f'{encoder.patch_size[0]} of a patch of {source}'
    )
  time, bands = encoder.grid(architecture.inputs['audio'].shape[1])
  grid = (bands, time) if encoder.order == 'frequency' else (time, bands)
  spectrogram = dataclasses.replace(old, length=frames)
  encoder = encoder.copy(
    spectrogram=spectrogram, positions=ResampledPositions(grid=grid)
  )
  samples = (frames - 1) * spectrogram.hop + spectrogram.window
  return architecture._replace(
    model=model.copy(encoders={**model.encoders, 'audio': encoder}),
    audio=dataclasses.replace(architecture.audio, length=samples),
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
