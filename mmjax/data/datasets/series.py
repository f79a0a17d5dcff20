"""Labelled series of several sensors, any data set of the UEA archive.

The UEA multivariate time series classification archive
(https://arxiv.org/abs/1811.00075). `motions` and `vowels` are two of them.
"""

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from mmjax.data import frames
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import series_files
from mmjax.data.errors import RecordError
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeriesDataset:
  """The data set.

  'test' is the archive's own. 'validation' is every fifth series of each class
  of the archive's training part, in the order of the file. Each channel is
  standardised by its mean and deviation over that whole part.
  """

  problem: str
  """Name in the archive: folder, and first part of the files' names."""
  labels: tuple[str, ...]
  """Names of the classes, as the files have them."""
  names: tuple[str, ...] = ()
  """What to call the classes; as the files do if empty."""
  length: int
  """Frames of the array; longer series are cut."""
  root: str | None = None
  """Folder of the archive; None is that inside the installed package aeon."""
  train_on: Literal['train', 'train_and_validation'] = 'train'
  """Whether 'train' leaves out 'validation', a fifth of it."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What to do with a line that cannot be read."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    if self.length < 1:
      raise InputError(f'length {self.length} is not at least 1')
    if self.names and len(self.names) != len(self.labels):
      raise InputError(
        f'{len(self.names)} names do not fit {len(self.labels)} labels'
      )

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """Names of the classes."""
    return {'label': self.names or self.labels}

  def check(self) -> None:
    """Looks whether both files are there.

    Raises:
      InputError: one is not.
    """
    for part in ('TRAIN', 'TEST'):
      series_files.find(self.problem, part, root=self.root)

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """The series of a split, with the moments of each channel."""
    check_name(f'split of {self.problem}', split, SPLITS)
    check_name(f'view of {self.problem}', view, ('default',))
    files = {
      part: series_files.find(self.problem, part, root=self.root)
      for part in ('TRAIN', 'TEST')
    }
    series = series_files.read(files['TEST' if split == 'test' else 'TRAIN'])
    if split != 'test':
      held_out = _every_fifth(series)
      if split == 'validation':
        series = [s for s in series if s.row in held_out]
      elif self.train_on == 'train':
        series = [s for s in series if s.row not in held_out]
    mean, deviation = _moments(files['TRAIN'])
    return [{'series': s, 'mean': mean, 'deviation': deviation} for s in series]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One series; draws nothing.

    A value that was not measured becomes zero, the channel's mean. A frame in
    which nothing was measured is masked.

    Returns:
      sensor float32 [length channels]; its mask [length]; label int32.
    """
    del rng
    series: series_files.Series = example['series']
    if series.error is not None:
      raise series.error
    assert series.x is not None  # what was read has both
    if series.label not in self.labels:
      raise RecordError(
        f'class {series.label!r} of {self.problem} is none of '
        f'{", ".join(self.labels)}',
        row=series.row,
      )
    mean, deviation = example['mean'], example['deviation']
    if series.x.shape[1] != mean.size:
      raise RecordError(
        f'{series.x.shape[1]} channels in {self.problem}, where others have '
        f'{mean.size}',
        row=series.row,
      )
    x, real = frames.to_length(series.x, self.length)
    real = real & np.isfinite(x).any(axis=1)
    x = np.nan_to_num((x - mean) / deviation, posinf=0, neginf=0)
    return {
      'sensor': x * real[:, None],
      'mask': {'sensor': real},
      'label': np.int32(self.labels.index(series.label)),
    }


def _every_fifth(series: Sequence[series_files.Series]) -> set[int]:
  """Rows held out, an even share of each class."""
  rows = defaultdict(list)
  for s in series:
    rows[s.label].append(s.row)
  return {row for of_class in rows.values() for row in of_class[4::5]}


@functools.lru_cache(maxsize=8)
def _moments(file: str) -> tuple[np.ndarray, np.ndarray]:
  """Mean and deviation of each channel, over what was measured in a file."""
  whole = [s.x for s in series_files.read(file) if s.x is not None]
  if not whole:
    raise InputError(f'no series of {file} can be read')
  x = np.concatenate([s for s in whole if s.shape[1] == whole[0].shape[1]])
  x = np.ma.masked_invalid(x)
  deviation = np.asarray(x.std(axis=0).filled(1.0), np.float32)
  return (
    np.asarray(x.mean(axis=0).filled(0.0), np.float32),
    np.where(deviation > 0, deviation, np.float32(1)),
  )
