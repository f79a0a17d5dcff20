"""A source, opened: what stands there, and which record is in which split."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int

from mmjax.data.dataset import check_name
from mmjax.data.errors import RecordError
from mmjax.data.sources import manifest, prepared, splits
from mmjax.data.sources.folders import Folders
from mmjax.data.sources.manifest import Manifest
from mmjax.data.sources.parquet import Parquet
from mmjax.data.sources.record import (
  Columns,
  Joined,
  Record,
  Source,
  Unreadable,
  is_missing,
)
from mmjax.data.sources.storage import Storage, parent
from mmjax.data.sources.tars import Tar
from mmjax.types import InputError

MODALITIES = ('image', 'text', 'audio', 'video')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opened:
  """Records and what is known of them without reading their files.

  Attributes:
    source: the records.
    rows: which of them are in each split.
    labels: names of the classes, sorted.
    counts: number of records that have something, by modality or 'label'.
    by_label: number of records of each class that was looked at.
    broken: errors of records that cannot be read, by row.
  """

  source: Source
  rows: Mapping[str, Int[np.ndarray, ' n']]
  labels: tuple[str, ...]
  counts: Mapping[str, int]
  by_label: Mapping[str, int]
  broken: Mapping[int, RecordError]

  @property
  def modalities(self) -> tuple[str, ...]:
    """Those that any record has."""
    return tuple(name for name in MODALITIES if self.counts[name])


# The folder may change while it is open; what is read then may be missing.
@functools.lru_cache(maxsize=8)
def open_records(
  root: str, *, columns: Columns, files: str = '', cache: str
) -> Opened:
  """Opens whatever stands at a place, and looks at each record once.

  Args:
    root: a manifest, Parquet file, tar, a folder of them or of pictures or
      sounds, a data set of TFDS, here or on object storage; or tfds:NAME.
    columns: what the columns are called.
    files: the folder that cells are relative to; that of the records if empty.
    cache: folder for what is made once.

  Raises:
    InputError: there is nothing that can be read.
  """
  if not root:
    raise InputError(
      '--data.root is needed: a folder, manifest, Parquet file, tar or TFDS '
      'data set'
    )
  source = open_source(root, columns=columns, files=files, cache=cache)
  return look(source, columns=columns, where=root)


def open_source(
  root: str, *, columns: Columns, files: str = '', cache: str
) -> Source:
  """The records at a place, by what stands there; see `open_records`.

  Raises:
    InputError: there is nothing that can be read.
  """
  if root.startswith('tfds:'):
    root = prepared.find(root.removeprefix('tfds:'))
  root = root.rstrip('/') or '/'
  storage = Storage(root)
  kind = storage.kind()
  if kind == 'nothing':
    raise InputError(f'there is no file or folder {root}')
  if kind == 'file':
    folder, name = parent(root)
    storage, paths = Storage(folder), [name]
    if _reader(name) is None:
      raise InputError(
        f'{root} is no manifest ({", ".join(manifest.SUFFIXES)}), .parquet or '
        '.tar'
      )
  else:
    paths = storage.files()
  if prepared.INFO in paths:
    return Joined(prepared.open_splits(storage, columns))
  chosen = [p for p in paths if _reader(p) is not None]
  # Beside pictures, a table is one only if it says so.
  tables = {'metadata', 'manifest', *splits.SPLIT_NAMES}
  chosen = [
    p
    for p in chosen
    if kind == 'file'
    or not p.endswith(manifest.SUFFIXES)
    or p.rpartition('.')[0].lower() in tables
  ]
  if not chosen:
    return Folders(storage, paths, columns=columns)
  reader = _reader(chosen[0])
  given: dict[str, Any] = {'columns': columns}
  if reader is not Tar:
    given['files'] = Storage(files) if files else storage
  if reader is not Manifest:
    given['cache'] = cache
  found = []
  for path in chosen:
    if _reader(path) is not reader:
      raise InputError(f'{root} holds {chosen[0]} and {path}: name one kind')
    split = splits.split_of_path(path)
    try:
      found.append(reader(storage, path, split=split, **given))
    except RecordError as error:
      found.append(Unreadable(error))
  return Joined(found)


def _reader(path: str) -> Any:
  if path.endswith(manifest.SUFFIXES):
    return Manifest
  return {'parquet': Parquet, 'tar': Tar}.get(path.rpartition('.')[2])


def look(source: Source, *, columns: Columns, where: str) -> Opened:
  """Looks at all records of a source once.

  Raises:
    InputError: there is no record, or a column that was asked for is missing.
  """
  names: list[str] = []
  told: list[str | None] = []
  broken: dict[int, RecordError] = {}
  counts: dict[str, int] = dict.fromkeys((*MODALITIES, 'label'), 0)
  by_label: dict[str, int] = {}
  seen: set[str] = set()
  for row, record in enumerate(source.glance()):
    # What cannot be read is met, and counted, like all others.
    name, split = f'broken {row}', 'train'
    if isinstance(record, Record):
      try:
        split = _split(record)
        label = label_of(record, columns)
      except RecordError as error:
        broken[row] = error
      else:
        name = record.name
        seen.update(record.cells)
        for modality in MODALITIES:
          counts[modality] += cell_of(record, modality, columns) is not None
        counts['label'] += label is not None
        if label is not None and label is not ...:
          by_label[label] = by_label.get(label, 0) + 1
    else:
      broken[row] = record
    names.append(name)
    told.append(split)
  if not names:
    raise InputError(f'{where} holds no records')
  # Nor may it make those look split that are not.
  if broken and {t for r, t in enumerate(told) if r not in broken} <= {None}:
    told = [None] * len(told)
  if len(broken) < len(names):
    for field in dataclasses.fields(columns):
      column = getattr(columns, field.name)
      if column and column != field.default and column not in seen:
        met = source.names
        check_name(f'column for columns.{field.name} in {where}', column, met)
  labels = source.classes or sorted(by_label, key=_in_order)
  return Opened(
    source=source,
    rows=splits.assign(names, told, where=where),
    labels=tuple(labels) if counts['label'] else (),
    counts=counts,
    by_label=by_label,
    broken=broken,
  )


def cell_of(record: Record, modality: str, columns: Columns) -> Any:
  """What a record has of a modality; None for nothing."""
  cell = record.cells.get(getattr(columns, modality))
  if is_missing(cell) and modality == 'text':
    cell = record.cells.get(columns.text_file)
  return None if is_missing(cell) else cell


def label_of(record: Record, columns: Columns) -> Any:
  """The name of a record's class; None for none, `...` for one not read.

  Raises:
    RecordError: it is no word or integer.
  """
  label = record.cells.get(columns.label)
  if label is ... or is_missing(label):
    return label if label is ... else None
  if isinstance(label, bool) or not isinstance(label, (str, int)):
    # What a table has read as a number with a point.
    if isinstance(label, float) and label.is_integer():
      return str(int(label))
    if not isinstance(label, bool):
      raise record.error(f'label {label!r} is neither a word nor an integer')
  return str(label).strip() or None


def _split(record: Record) -> str | None:
  if record.split is None or is_missing(record.split):
    return None
  found = splits.known(record.split)
  if found is None:
    raise record.error(
      f'split {record.split!r} is none of {", ".join(splits.SPLIT_NAMES)}'
    )
  return found


def _in_order(label: str) -> tuple[int, int | str]:
  """Integers by value, then words."""
  try:
    return 0, int(label)
  except ValueError:
    return 1, label
