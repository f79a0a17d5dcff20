"""What a source of data is: records of cells, by random access."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Num

from mmjax.data.errors import RecordError

FILES = ('image', 'audio', 'video', 'text_file')  # columns that name files


@dataclasses.dataclass(frozen=True, kw_only=True)
class Columns:
  """What the columns are called; an empty name leaves one out."""

  image: str = 'image'
  """Pictures: files, or their bytes."""
  audio: str = 'audio'
  """Sounds: files, or their bytes."""
  video: str = 'video'
  """Videos: files, or their bytes."""
  text: str = 'text'
  """Texts themselves."""
  text_file: str = 'text_file'
  """Files with texts, where `text` is missing."""
  label: str = 'label'
  """Classes: words or integers."""
  split: str = 'split'
  """train, validation or test; also val, valid, dev, eval."""
  name: str = 'name'
  """What tells whether two records belong to the same split, such as a name,
  or a patient of whom there are several records."""

  def all(self) -> tuple[str, ...]:
    """All names; an empty one says that there is no such column."""
    names = (getattr(self, f.name) for f in dataclasses.fields(self))
    return tuple(name for name in names if name)


class Samples(NamedTuple):
  """A sound that is decoded already.

  Attributes:
    x: integers, or floats of -1 to 1.
    rate: samples per second.
  """

  x: Num[np.ndarray, '...']
  rate: int


@runtime_checkable
class Blob(Protocol):
  """Bytes that are read when they are needed."""

  @property
  def name(self) -> str:
    """What they are called in errors."""
    ...

  def read(self) -> bytes:
    """All of them.

    Raises:
      RecordError: they cannot be read, or are too many.
    """
    ...


class Record(NamedTuple):
  """One example as it is stored.

  Attributes:
    name: the same however the data is stored; the split is by its hash.
    cells: by column; None and the empty string are missing, `...` is there, but
      was not read.
    file: where it stands.
    row: its row there, None if it has the file to itself.
    split: what the place says about the split, such as its folder.
  """

  name: str
  cells: Mapping[str, Any]
  file: str
  row: int | None = None
  split: str | None = None

  def error(self, reason: str) -> RecordError:
    """What to raise where this record cannot be used."""
    return RecordError(reason, file=self.file, row=self.row)


@runtime_checkable
class Source(Protocol):
  """Records by random access."""

  @property
  def classes(self) -> Sequence[str] | None:
    """Names of the labels, where the source knows them unread."""
    ...

  @property
  def names(self) -> Set[str]:
    """All columns that were met so far, used or not."""
    ...

  def __len__(self) -> int:
    """Number of records, those that cannot be read included."""
    ...

  def __getitem__(self, row: int) -> Record:
    """A record; what it names is read later.

    Raises:
      RecordError: there is something wrong with it.
    """
    ...

  def glance(self) -> Iterator[Record | RecordError]:
    """All records, in order, without what is slow to read, or their errors."""
    ...


def glance(source: Source) -> Iterator[Record | RecordError]:
  """Reads one record after the other."""
  for row in range(len(source)):
    try:
      yield source[row]
    except RecordError as error:
      yield error


def is_missing(cell: Any) -> bool:
  """Whether a cell holds nothing."""
  return cell is None or (isinstance(cell, (str, bytes)) and not cell)


class Joined:
  """Several sources, one behind the other."""

  def __init__(self, sources: Sequence[Source]):
    self._sources = tuple(sources)
    self._ends = np.cumsum([len(source) for source in sources])

  @property
  def classes(self) -> Sequence[str] | None:
    """Those of the first that has any."""
    found = (source.classes for source in self._sources)
    return next((names for names in found if names is not None), None)

  @property
  def names(self) -> Set[str]:
    """Those of all."""
    return frozenset().union(*(source.names for source in self._sources))

  def __len__(self) -> int:
    return int(self._ends[-1]) if self._sources else 0

  def __getitem__(self, row: int) -> Record:
    if not 0 <= row < len(self):
      raise IndexError(row)
    number = int(np.searchsorted(self._ends, row, side='right'))
    source = self._sources[number]
    return source[row - int(self._ends[number]) + len(source)]

  def glance(self) -> Iterator[Record | RecordError]:
    """Those of each."""
    for source in self._sources:
      yield from source.glance()


class Unreadable:
  """A file of records that cannot be read: one record, which is broken."""

  classes = None
  names: Set[str] = frozenset()

  def __init__(self, error: RecordError):
    self._error = error

  def __len__(self) -> int:
    return 1

  def __getitem__(self, row: int) -> Record:
    raise self._error

  def glance(self) -> Iterator[Record | RecordError]:
    """The error."""
    yield self._error
