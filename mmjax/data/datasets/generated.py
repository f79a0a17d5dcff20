"""Generated examples: random numbers in the shapes of each modality.

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
MODALITIES = ('image', 'text', 'audio', 'video', 'sensor', 'tabular')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generated:
  """The data set; an example is a function of the seed and its row alone."""

  modalities: tuple[str, ...] = ('image', 'text', 'audio')
  """What an example has, of these, video, sensor and tabular; all is real."""
  image_size: int = 224
  """Side of an image and of a video, pixels."""
  text_length: int = 64
  """Tokens of a text."""
  vocabulary: int = 32_000
  """Number of token ids; 0 is left to padding."""
  audio_seconds: float = 10.0
  """Length of a sound, at 16 kHz."""
  video_frames: int = 16
  """Frames of a video."""
  sensor_shape: tuple[int, int] = (100, 6)
  """Frames and channels of a sensor."""
  numeric_columns: int = 8
  """Columns of numbers in a table."""
  categorical_columns: tuple[int, ...] = (2, 5)
  """Number of values of each other column in a table."""
  labels: int = 0
  """Classes of a label, which is random too; 0 for no label."""
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
    for name in (
      'image_size', 'text_length', 'audio_seconds', 'video_frames', 'examples',
    ):  # fmt: skip
      if getattr(self, name) <= 0:
        raise InputError(f'{name} {getattr(self, name)} is not positive')
    if min(self.sensor_shape) <= 0:
      raise InputError(f'sensor_shape {self.sensor_shape} is not positive')
    if self.numeric_columns < 0 or self.labels < 0:
      raise InputError(
        f'numeric_columns {self.numeric_columns} or labels {self.labels} is '
        'negative'
      )
    if self.vocabulary < 2:
      raise InputError(f'vocabulary {self.vocabulary} is below 2')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """Numbers, if there are labels."""
    names = tuple(map(str, range(self.labels)))
    return {'label': names} if names else {}

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
      float32 [16,000 * audio_seconds]; video uint8 [video_frames image_size
      image_size 3]; sensor float32 of `sensor_shape`; tabular, a dict of
      numeric float32 [m] and categorical int32 [q]; their masks; as far as
      `modalities` has them. And label int32, if there are labels.
    """
    del rng
    seed = self.seed, example['split'], example['row']
    new: Example = {'mask': {}}
    for name in self.modalities:
      # A draw of its own: an array does not depend on what else there is.
      draw = np.random.default_rng((*seed, MODALITIES.index(name)))
      new[name], new['mask'][name] = getattr(self, f'_{name}')(draw)
    if self.labels:
      draw = np.random.default_rng((*seed, len(MODALITIES)))
      new['label'] = draw.integers(self.labels, dtype=np.int32)
    return new

  def _image(self, draw: np.random.Generator):
    shape = (self.image_size, self.image_size, 3)
    return draw.integers(0, 256, shape, np.uint8), np.True_

  def _text(self, draw: np.random.Generator):
    text = draw.integers(1, self.vocabulary, self.text_length, np.int32)
    return text, np.ones(text.shape, bool)

  def _audio(self, draw: np.random.Generator):
    samples = round(self.audio_seconds * SAMPLE_RATE)
    audio = draw.standard_normal(samples, np.float32) * np.float32(0.1)
    return audio, np.ones(audio.shape, bool)

  def _video(self, draw: np.random.Generator):
    shape = (self.video_frames, self.image_size, self.image_size, 3)
    video = draw.integers(0, 256, shape, np.uint8)
    return video, np.ones(self.video_frames, bool)

  def _sensor(self, draw: np.random.Generator):
    sensor = draw.standard_normal(self.sensor_shape, np.float32)
    return sensor, np.ones(self.sensor_shape[0], bool)

  def _tabular(self, draw: np.random.Generator):
    columns = {
      'numeric': draw.standard_normal(self.numeric_columns, np.float32),
      'categorical': draw.integers(0, self.categorical_columns).astype(
        np.int32
      ),
    }
    return columns, {k: np.ones(v.shape, bool) for k, v in columns.items()}
