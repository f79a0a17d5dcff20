"""Generated examples: random pixels, token ids and sound, of any size.

There is nothing to learn in them. They stand in for data where only shapes
matter: to plan a run, and to measure how fast one is.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.types import InputError

SAMPLE_RATE = 16_000
MODALITIES = ('image', 'text', 'audio')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generated:
  """The data set; an example is a function of the seed and its row alone."""

  modalities: tuple[str, ...] = MODALITIES
  """What an example has, of image, text and audio; all of it is real."""
  image_size: int = 224
  """Side of an image, pixels."""
  text_length: int = 64
  """Tokens of a text."""
  vocabulary: int = 32_000
  """Number of token ids; 0 is left to padding."""
  audio_seconds: float = 10.0
  """Length of a sound, at 16 kHz."""
  examples: int = 1024
  """Examples of each split."""
  seed: int = 0
  """Seed of all of them."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What to do with a record that cannot be read (there is none)."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    for name in self.modalities:
      check_name('generated modality', name, MODALITIES)
    for name in ('image_size', 'text_length', 'audio_seconds', 'examples'):
      if getattr(self, name) <= 0:
        raise InputError(f'{name} {getattr(self, name)} is not positive')
    if self.vocabulary < 2:
      raise InputError(f'vocabulary {self.vocabulary} is below 2')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """None: nothing is labelled."""
    return {}

  def check(self) -> None:
    """Nothing to look for."""

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """The numbers of each example's split and row."""
    check_name('split of generated data', split, SPLITS)
    check_name('view of generated data', view, ('default',))
    number = SPLITS.index(split)
    return [{'split': number, 'row': row} for row in range(self.examples)]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One example, the same whenever it is met.

    Returns:
      image uint8 [image_size image_size 3]; text int32 [text_length]; audio
      float32 [16,000 * audio_seconds]; their masks; as far as `modalities` has
      them.
    """
    del rng
    draw = np.random.default_rng((self.seed, example['split'], example['row']))
    size = self.image_size
    samples = round(self.audio_seconds * SAMPLE_RATE)
    image = draw.integers(0, 256, (size, size, 3), np.uint8)
    text = draw.integers(1, self.vocabulary, self.text_length, np.int32)
    audio = draw.standard_normal(samples, np.float32) * np.float32(0.1)
    arrays = {'image': image, 'text': text, 'audio': audio}
    masks = {
      'image': np.True_,
      'text': np.ones(text.shape, bool),
      'audio': np.ones(audio.shape, bool),
    }
    return {
      **{name: arrays[name] for name in self.modalities},
      'mask': {name: masks[name] for name in self.modalities},
    }
