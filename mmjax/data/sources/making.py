"""From the cells of a record to arrays of static shapes, as `Records` says."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from mmjax.data import audio, frames
from mmjax.data.sources import arrays
from mmjax.data.sources.opened import cell_of
from mmjax.data.sources.record import Record
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.data.transforms import OfPicture, RandomResizedCrop, Resize

Rng = np.random.Generator | None
Made = tuple[np.ndarray, Any]  # an array and its mask


class Track(NamedTuple):
  """The sound of a video.

  Attributes:
    video: the cell of the video.
  """

  video: Any


def used_cell(data: Any, record: Record, modality: str) -> Any:
  """What a record has of a modality, a video's sound if it has no other."""
  cell = cell_of(record, modality, data.columns)
  if cell is None and modality == 'audio':
    film = cell_of(record, 'video', data.columns)
    return None if film is None else Track(film)
  return cell


def _image(data: Any, cell: Any, rng: Rng) -> Made:
  side = data.image_size
  resize = data.resize or Resize(size=side)
  if cell is None:
    blank = np.zeros((side, side, 3), np.uint8)
    return resize(blank, None), np.bool_(False)
  steps = [*(data.augment if rng is not None else ()), resize]
  first = None
  if isinstance(steps[0], (RandomResizedCrop, Resize)):
    # A JPEG need not be decoded finer than it is used.
    first = functools.partial(steps.pop(0).of_picture, rng=rng)
  # Twice as large, for crops of a part.
  image = arrays.picture(cell, canvas=2 * side, first=first)
  return _through(image, steps, rng), np.bool_(True)


def _through(image: Any, steps: Sequence[Any], rng: Rng) -> np.ndarray:
  """The picture after all steps; an array as late as that goes."""
  for step in steps:
    if isinstance(image, Image.Image) and isinstance(step, OfPicture):
      image = step.of_picture(image, rng=rng)
    else:
      image = step(np.asarray(image), rng)
  return np.asarray(image)


def _video(data: Any, cell: Any, rng: Rng) -> Made:
  side = data.image_size
  resize = data.resize or Resize(size=side)
  if cell is None:
    blank = resize(np.zeros((side, side, 3), np.uint8), None)
    return frames.to_length(blank[None][:0], data.video_frames)
  found = arrays.moving(
    cell, count=data.video_frames, seconds=data.video_seconds, canvas=2 * side
  )
  if rng is not None:
    # What is drawn for a video is drawn once.
    seed = int(rng.integers(2**63))
    steps = [*data.augment, resize]
    shown = [_through(x, steps, np.random.default_rng(seed)) for x in found]
  else:
    shown = [resize(x, None) for x in found]
  return frames.to_length(np.stack(shown), data.video_frames)


def _text(data: Any, cell: Any, rng: Rng) -> Made:
  del rng
  tokenizer = data.tokenizer or ByteTokenizer(length=data.text_length)
  ids, mask = tokenizer('' if cell is None else data.text_of(cell))
  return (ids * 0, mask & False) if cell is None else (ids, mask)


def _audio(data: Any, cell: Any, rng: Rng) -> Made:
  x = np.zeros(0, np.float32)
  if isinstance(cell, Track):
    found = arrays.sound_track(cell.video, seconds=data.audio_seconds)
    if found is not None:
      x = audio.resample(found, audio.RATE, data.audio_rate)
  elif cell is not None:
    x = arrays.sound(cell, seconds=data.audio_seconds, rate=data.audio_rate)
  if rng is not None and x.size:
    for transform in data.augment_audio:
      x = transform(x, rng)
  return audio.to_length(x, data.audio_length)


MAKERS: dict[str, Callable[[Any, Any, Rng], Made]] = {
  'image': _image,
  'text': _text,
  'audio': _audio,
  'video': _video,
}
