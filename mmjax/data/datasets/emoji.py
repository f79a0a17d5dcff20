"""Emoji: 1,911 pictures with their names, in ten categories.

The pictures are Twitter's (Twemoji, CC BY 4.0), the names and categories
Unicode's, both as the npm package emoji-datasource-twitter has them
(https://github.com/iamcal/emoji-data, MIT). It is read where it is installed.
"""

import dataclasses
import functools
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from mmjax.data import images, splits
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.errors import RecordError
from mmjax.data.sources.records import Records
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.data.transforms import Resize, Transform
from mmjax.types import InputError

CATEGORIES = (
  'Activities', 'Animals & Nature', 'Component', 'Flags', 'Food & Drink',
  'Objects', 'People & Body', 'Smileys & Emotion', 'Symbols',
  'Travel & Places',
)  # fmt: skip
PACKAGE = 'emoji-datasource-twitter'
_NPM = '~/.cache/mmjax/npm'
_HINT = (
  f'run `npm install --prefix {_NPM} {PACKAGE}` or name its folder with '
  '--data.root'
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Emoji:
  """The data set; its fixed split is by the MD5 of an emoji's code points.

  Variations of an emoji in other tones of skin are left out.
  """

  root: str = f'{_NPM}/node_modules/{PACKAGE}'
  """Folder of the npm package."""
  image_size: int = 64
  """Side of the pictures in pixels; 64 is their own."""
  text_length: int = 64
  """Tokens of the text array, begin and end included."""
  augment: tuple[Transform, ...] = ()
  """What happens to pictures in training, first to last."""
  train_on: Literal['train', 'train_and_validation'] = 'train'
  """Whether 'train' leaves out 'validation', a seventh of it."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What to do with a picture that cannot be read."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    if self.image_size < 1:
      raise InputError(f'image_size {self.image_size} is not at least 1')
    ByteTokenizer(length=self.text_length)

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """Unicode's categories."""
    return {'label': CATEGORIES}

  def as_records(self, root: str = '') -> Records:
    """Others' pictures, made square, and names."""
    return Records(
      root=root,
      modalities=('image', 'text'),
      image_size=self.image_size,
      text_length=self.text_length,
    )

  def check(self) -> None:
    """Looks whether the list of emoji is there.

    Raises:
      InputError: it is not.
    """
    _find(self.root)

  def files(self) -> Mapping[str, str]:
    """Short name of an emoji -> its picture, in all splits.

    Raises:
      InputError: the list is not there, or cannot be read.
    """
    examples = _read(_find(self.root))
    return {example['short_name']: example['file'] for example in examples}

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Names and files of a split.

    Raises:
      InputError: there is no such split or view, or the list cannot be read.
    """
    check_name('split of emoji', split, SPLITS)
    check_name('view of emoji', view, ('default',))
    return [
      example
      for example in _read(_find(self.root))
      if splits.is_in(split, example['code'], train_on=self.train_on)
    ]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One emoji.

    Returns:
      image uint8 [image_size image_size 3], on white; text int32
      [text_length], the name in small letters; their masks; label int32.

    Raises:
      RecordError: the picture is missing or damaged.
    """
    image = decode(example['file'])
    if rng is not None:
      for transform in self.augment:
        image = transform(image, rng)
    text, text_mask = ByteTokenizer(length=self.text_length)(example['name'])
    return {
      'image': Resize(size=self.image_size)(image),
      'text': text,
      'mask': {'image': np.True_, 'text': text_mask},
      'label': np.int32(CATEGORIES.index(example['category'])),
    }


def _find(root: str) -> str:
  file = os.path.join(os.path.expanduser(root), 'emoji.json')
  if not os.path.isfile(file):
    raise InputError(f'no file {file}: {_HINT}')
  return file


@functools.lru_cache(maxsize=4)
def _read(file: str) -> Sequence[Example]:
  """Code points, name, category and picture of each emoji that has one."""
  pictures = os.path.join(os.path.dirname(file), 'img', 'twitter', '64')
  try:
    with open(file, encoding='utf-8') as f:
      entries: list[dict[str, Any]] = json.load(f)
    examples = [
      {
        'code': entry['unified'],
        # Some have no official name, but all have a short one.
        'name': (
          entry['name'] or entry['short_name'].replace('_', ' ')
        ).lower(),
        'category': entry['category'],
        'short_name': entry['short_name'],
        'file': os.path.join(pictures, entry['image']),
      }
      for entry in entries
      if entry['has_img_twitter']
    ]
  except (OSError, ValueError, TypeError, KeyError) as error:
    reason = f'{type(error).__name__}: {error}'
    raise InputError(f'{file} is no list of emoji: {reason}') from error
  for example in examples:
    check_name('category of emoji', example['category'], CATEGORIES)
  return examples


@functools.lru_cache(maxsize=4096)
def decode(file: str) -> UInt8[np.ndarray, 'h w 3']:
  """A square picture on white; all that were decoded are kept.

  Raises:
    RecordError: it is missing or damaged, or no square.
  """
  image = images.decode(file)
  if image.shape[0] != image.shape[1]:
    raise RecordError(
      f'{image.shape[1]} x {image.shape[0]} is no square', file=file
    )
  return image
