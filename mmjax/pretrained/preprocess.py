"""Raw inputs to a batch, as a checkpoint's folder says."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmjax.pretrained.folder import read_json
from mmjax.pretrained.images import ImageProcessor
from mmjax.types import Batch, InputError

_FILES = ('preprocessor_config.json', 'video_preprocessor_config.json')
# Axes of an array that is a single one.
_AXES = {'image': 3, 'text': 1, 'audio': 1, 'video': 4}
_PARTS = ('image_processor', 'feature_extractor', 'video_processor')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocess:
  """Raw inputs to a batch."""

  image: ImageProcessor | None = None
  """What prepares pictures, if the model takes any."""
  text: Any = None
  """What prepares texts, if the model takes any."""
  audio: Any = None
  """What prepares sounds, if the model takes any."""
  video: ImageProcessor | None = None
  """What prepares the frames of clips, if the model takes any."""

  def __call__(
    self,
    *,
    image: Any = None,
    text: Any = None,
    audio: Any = None,
    video: Any = None,
    sampling_rate: int | None = None,
  ) -> Batch:
    """Makes a batch of what is given.

    Args:
      image: pictures: PIL images, arrays or paths; or one of them.
      text: strings, lists of token ids, or one of them.
      audio: sounds: paths or arrays `[s]`, `[s c]` or `[c s]`; or a path or an
        array `[s]`.
      video: clips: lists of as many pictures each, or arrays `[f h w c]`; or
        one array.
      sampling_rate: samples per second of the arrays of sound; other rates
        than the checkpoint's are resampled.

    Raises:
      InputError: the model does not take what is given, or nothing is.
    """
    batch: dict[str, Any] = {}
    mask: dict[str, Any] = {}
    known = {'image': image, 'text': text, 'audio': audio, 'video': video}
    for name, given in known.items():
      if given is not None and getattr(self, name) is None:
        raise InputError(f'this checkpoint takes no {name}')
    if image is not None and self.image is not None:
      batch['image'] = self.image(_several(image, 'image'))
      mask['image'] = np.ones(len(batch['image']), bool)
    if text is not None:
      texts = _several(text, 'text')
      strings = all(isinstance(one, str) for one in texts)
      made = self.text(texts) if strings else self.text.stack(texts)
      batch['text'], mask['text'] = made
    if audio is not None:
      sounds = _several(audio, 'audio')
      made = self.audio(sounds, sampling_rate=sampling_rate)
      batch['audio'], mask['audio'] = made
    if video is not None and self.video is not None:
      clips = [self.video(list(clip)) for clip in _several(video, 'video')]
      batch['video'] = np.stack(clips)
      mask['video'] = np.ones(batch['video'].shape[:2], bool)
    if not batch:
      raise InputError('neither image, text, audio nor video is given')
    return {**batch, 'mask': mask}


def processor_config(folder: Path) -> Mapping[str, Any]:
  """What a folder says of pictures, sounds or clips.

  Newer ones say it in a file that they have in common with texts.
  """
  both = read_json(folder / 'processor_config.json')
  said = [read_json(folder / name) for name in _FILES]
  said += [both.get(name) or {} for name in _PARTS]
  return next((one for one in said if one), {})


def _several(given: Any, name: str) -> Sequence[Any]:
  """A list, also of a single thing."""
  single = isinstance(given, str | Path) or hasattr(given, 'convert')
  if not single and isinstance(given, np.ndarray):
    single = given.ndim == _AXES[name]
  items: Any = [given] if single else given
  found = list(items)
  if not found:
    raise InputError(f'{name} is an empty list')
  return found
