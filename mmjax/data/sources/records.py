"""Your own data as a data set: pictures, sounds, texts, wherever they are."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mmjax.data import audio
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.errors import RecordError
from mmjax.data.sources import arrays
from mmjax.data.sources.opened import (
  MODALITIES,
  Opened,
  cell_of,
  label_of,
  open_records,
)
from mmjax.data.sources.record import Blob, Columns, Record
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.data.transforms import Resize, Transform
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Records:
  """Records of pictures, texts and sounds, any of which may be missing.

  They are a manifest (JSON lines or CSV), a folder of a folder for each class,
  Parquet, WebDataset tars, or a data set prepared by TFDS: docs/data.md.
  """

  root: str = ''
  """A manifest, Parquet file, tar, a folder of them or of pictures or sounds, a
  data set of TFDS (tfds:NAME); here or by URL (gs://..., s3://...)."""
  files: str = ''
  """Folder that the files in a table are relative to; the table's own if
  empty. None outside of it is read."""
  columns: Columns = Columns()
  """What the columns are called."""
  modalities: tuple[str, ...] = ()
  """Which of image, text and audio are used; those that are there if empty."""
  labels: tuple[str, ...] = ()
  """Names of the classes; those that are there, sorted, if empty."""
  image_size: int = 64
  """Side of the pictures in pixels."""
  text_length: int = 96
  """Tokens of the text array, begin and end included."""
  audio_seconds: float = 3.0
  """Length of the audio array; what is longer is cut."""
  audio_rate: int = audio.RATE
  """Samples per second of the audio array."""
  tokenizer: Any = None
  """`text -> (ids [t], mask [t])`, such as `pretrained.TokensFor`; the bytes of
  the text if None."""
  resize: Any = None
  """What makes pictures equal in size at last, such as `pretrained.PixelsFor`;
  a square of `image_size` if None."""
  augment: tuple[Transform, ...] = ()
  """What happens to pictures in training, first to last."""
  train_on: Literal['train', 'train_and_validation'] = 'train'
  """Whether 'train' leaves out 'validation'."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """Stop at records that cannot be read, or go without them, counted."""
  cache: str = '~/.cache/mmjax'
  """Folder for what is made once: copies of Parquet, places in tars."""

  def __post_init__(self):
    if self.image_size < 1:
      raise InputError(f'image_size {self.image_size} is not at least 1')
    if self.audio_length < 1:
      raise InputError(
        f'audio_seconds {self.audio_seconds:g} is less than a sample'
      )
    for name in self.modalities:
      check_name('modality of records', name, MODALITIES)
    ByteTokenizer(length=self.text_length)

  @property
  def audio_length(self) -> int:
    """Samples of the audio array."""
    return round(self.audio_seconds * self.audio_rate)

  @property
  def opened(self) -> Opened:
    """What stands at `root`; looked at once in a process.

    Raises:
      InputError: nothing that can be read.
    """
    return open_records(
      self.root, columns=self.columns, files=self.files, cache=self.cache
    )

  def as_records(self, root: str = '') -> 'Records':
    """The same of another place, with columns of the usual names."""
    return dataclasses.replace(self, root=root, files='', columns=Columns())

  def resolved(self) -> 'Records':
    """The same, with the modalities and labels that the data has.

    A model can be built from it, and nothing changes when data is added.

    Raises:
      InputError: the data cannot be read, or has no modality.
    """
    modalities, labels = self.modalities, self.labels
    if not modalities or not labels:
      self._check_broken()
      modalities = modalities or self.opened.modalities
      labels = labels or self.opened.labels
    if not modalities:
      raise InputError(
        f'{self.root} has neither pictures nor texts nor sounds in the columns '
        f'{", ".join(self.columns.all())}'
      )
    return dataclasses.replace(self, modalities=modalities, labels=labels)

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """Names of the labels, if there are any."""
    labels = self.labels or self.opened.labels
    return {'label': labels} if labels else {}

  def check(self) -> None:
    """Looks whether there are records, and some in each split.

    Raises:
      InputError: there are none.
      RecordError: one cannot be read, and `on_error` is 'raise'.
    """
    self._check_broken()
    self.resolved()
    # Not to find out behind the last step.
    for split in SPLITS:
      self.source(split)

  def _check_broken(self) -> None:
    broken = self.opened.broken
    if not broken:
      return
    first, *others = broken.values()
    if self.on_error == 'raise' or len(broken) == len(self.opened.source):
      more = f'; so are {len(others)} more' if others else ''
      raise RecordError(
        f'{first.reason}{more} (--data.on-error skip goes without)',
        file=first.file,
        row=first.row,
      )

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Records of a split, those that cannot be read included.

    Raises:
      InputError: there is no such split or view, or it is empty.
    """
    check_name('split of records', split, SPLITS)
    check_name('view of records', view, ('default',))
    rows = self.opened.rows[split]
    if split == 'train' and self.train_on == 'train_and_validation':
      rows = np.union1d(rows, self.opened.rows['validation'])
    if not len(rows):
      raise InputError(
        f'none of the {len(self.opened.source)} records of {self.root} falls '
        f'into the split {split}: there must be more, or a column '
        f'{self.columns.split} or folders train, validation and test'
      )
    return _Rows(self, rows)

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """Arrays of one record.

    Returns:
      Of those in `modalities`: image uint8 [image_size image_size 3], or as
      `resize` says; text int32 [text_length], or as `tokenizer` says; audio
      float32 [audio_length]; their masks; label int32, -1 where there is none.

    Raises:
      RecordError: a file is missing, broken, too large, or outside of the root.
    """
    if 'error' in example:
      raise example['error']
    label = {'label': np.int32(example['label'])} if self.classes else {}
    return {**self.inputs(example['record'], rng), **label}

  def inputs(
    self, record: Record, rng: np.random.Generator | None = None
  ) -> Example:
    """What `prepare` gives, but the label; the record may be of any place.

    Raises:
      RecordError: see `prepare`.
    """
    found, masks = {}, {}
    for name in self.modalities or self.opened.modalities:
      cell = cell_of(record, name, self.columns)
      make = getattr(self, f'_{name}')
      try:
        found[name], masks[name] = make(cell, rng)
      except RecordError as error:
        raise _with_place(error, record, name, cell) from error
    return {**found, 'mask': masks}

  def _image(self, cell: Any, rng: np.random.Generator | None):
    side = self.image_size
    image = np.zeros((side, side, 3), np.uint8)
    if cell is not None:
      # Twice as large, for crops of a part.
      image = arrays.picture(cell, canvas=2 * side)
      if rng is not None:
        for transform in self.augment:
          image = transform(image, rng)
    resize = self.resize or Resize(size=side)
    return resize(image, None), np.bool_(cell is not None)

  def _text(self, cell: Any, rng: np.random.Generator | None):
    tokenizer = self.tokenizer or ByteTokenizer(length=self.text_length)
    ids, mask = tokenizer('' if cell is None else arrays.text(cell))
    return (ids * 0, mask & False) if cell is None else (ids, mask)

  def _audio(self, cell: Any, rng: np.random.Generator | None):
    x = np.zeros(0, np.float32)
    if cell is not None:
      x = arrays.sound(cell, seconds=self.audio_seconds, rate=self.audio_rate)
    return audio.to_length(x, self.audio_length)


class _Rows(Sequence[Example]):
  """The records of some rows, with the numbers of their classes."""

  def __init__(self, records: Records, rows: np.ndarray):
    self._opened, self._columns = records.opened, records.columns
    self._rows = rows
    self._numbers = _numbers(tuple(records.classes.get('label', ())))

  def __len__(self) -> int:
    return len(self._rows)

  def __getitem__(self, index: int) -> Example:
    # What is wrong with a record is told by `prepare`.
    try:
      record = self._record(int(self._rows[index]))
    except RecordError as error:
      return {'error': error, 'label': -1}
    label = label_of(record, self._columns)
    return {'record': record, 'label': self._numbers.get(label, -1)}

  def _record(self, row: int) -> Record:
    broken = self._opened.broken.get(row)
    if broken is not None:
      raise RecordError(broken.reason, file=broken.file, row=broken.row)
    record = self._opened.source[row]
    label = label_of(record, self._columns)
    if label is not None and self._numbers and label not in self._numbers:
      raise record.error(
        f'label {label!r} is none of the {len(self._numbers)} labels'
      )
    return record


@functools.lru_cache(maxsize=8)
def _numbers(labels: tuple[str, ...]) -> Mapping[str | None, int]:
  return {label: number for number, label in enumerate(labels)}


def _with_place(
  error: RecordError, record: Record, what: str, cell: Any
) -> RecordError:
  """The error, said of the record that it belongs to."""
  name = f' {cell.name}' if isinstance(cell, Blob) else ''
  if record.row is None:
    return RecordError(error.reason, file=error.file or record.file)
  return record.error(f'{what}{name}: {error.reason}')
