"""Parquet files: a record a row; files are bytes, or paths.

A row of Parquet can be read only with its whole row group, which is slow where
rows are drawn at random. So the columns that are used are copied once, to an
Arrow file that is mapped into memory: then a row is read where it stands, and
all processes share it (https://arrow.apache.org/docs/python/ipc.html).
"""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mmjax.data.errors import RecordError
from mmjax.data.sources.cache import made_once
from mmjax.data.sources.manifest import name_of
from mmjax.data.sources.record import FILES, Columns, Record, is_missing
from mmjax.data.sources.storage import File, Storage, clean, one_line

_NAMES = b'mmjax.columns'  # metadata: all columns of the file
_ROWS = 64  # copied at once
_GROWTH = 100  # Parquet that unpacks to more than that many times its size,
_SMALL = 2**30  # and to more bytes than that, is taken for an attack.


class Parquet:
  """The rows of one file."""

  def __init__(
    self,
    storage: Storage,
    path: str,
    *,
    columns: Columns,
    cache: str,
    files: Storage | None = None,
    split: str | None = None,
  ):
    """Copies the file, unless that has been done.

    Args:
      storage: folder of the file.
      path: the file in it.
      columns: what its columns are called.
      cache: folder for the copy.
      files: the folder that paths are relative to; that of the file if None.
      split: that of rows that do not tell their own.

    Raises:
      InputError: the cache cannot be written.
      RecordError: the file cannot be read, or has a column of a wrong type.
    """
    self._columns, self._split = columns, split
    self._files = storage if files is None else files
    self._file = storage.name(path)
    state = f'{self._file} {storage.state(path)} {columns}'
    copy = made_once(
      cache,
      'parquet',
      state,
      lambda file: _copy(storage, path, columns, file),
    )
    self._table = pa.ipc.open_file(pa.memory_map(str(copy))).read_all()
    self._ends = np.cumsum([len(b) for b in self._table.to_batches()] or [0])
    self._batches = self._table.to_batches()
    names = (self._table.schema.metadata or {})[_NAMES]
    self.names = set(json.loads(names))

  @property
  def classes(self) -> Sequence[str] | None:
    """The names that the `datasets` library keeps beside the columns."""
    try:
      found = json.loads((self._table.schema.metadata or {})[b'huggingface'])
      feature = found['info']['features'][self._columns.label]
      return [str(name) for name in feature['names']]
    except (KeyError, TypeError, ValueError):
      return None

  def __len__(self) -> int:
    return int(self._ends[-1])

  def __getitem__(self, row: int) -> Record:
    return self._record(row, heavy=True)

  def glance(self) -> Iterator[Record | RecordError]:
    """Every record, without its files."""
    for row in range(len(self)):
      try:
        yield self._record(row, heavy=False)
      except RecordError as error:
        yield error

  def _record(self, row: int, *, heavy: bool) -> Record:
    number = int(np.searchsorted(self._ends, row, side='right'))
    batch = self._batches[number]
    place = row - int(self._ends[number]) + len(batch)
    files = {getattr(self._columns, name) for name in FILES}
    found = {}
    try:
      for name in batch.schema.names:
        cell = batch.column(name)[place]
        if not cell.is_valid:
          continue
        if name in files and not heavy and pa.types.is_binary(cell.type):
          found[name] = ...
          continue
        value = self._file_of(cell) if name in files else cell.as_py()
        if isinstance(value, float) and math.isnan(value):
          continue
        if not is_missing(value):
          found[name] = clean(value) if isinstance(value, str) else value
    except (pa.ArrowException, ValueError) as error:
      raise RecordError(one_line(error), file=self._file, row=row) from error
    names = self._names(found, row)
    label = found.get(self._columns.label)
    if self.classes is not None and isinstance(label, int):
      known = range(len(self.classes))
      found[self._columns.label] = self.classes[label] if label in known else ''
    split = found.get(self._columns.split)
    return Record(
      name=names,
      cells=found,
      file=self._file,
      row=row,
      split=self._split if is_missing(split) else str(split),
    )

  def _names(self, found: dict[str, Any], row: int) -> str:
    return name_of(found, self._columns, default=f'row {row}')

  def _file_of(self, cell: Any) -> Any:
    """Bytes, or the file of a path; of a struct of both, what is there."""
    value = cell.as_py()
    if isinstance(value, dict):
      value = value.get('bytes') or value.get('path')
    return File(self._files, value) if isinstance(value, str) else value


def _copy(storage: Storage, path: str, columns: Columns, file: Path) -> None:
  name = storage.name(path)
  try:
    with storage.open(path) as source, pq.ParquetFile(source) as parquet:
      schema = parquet.schema_arrow
      used = [n for n in columns.all() if n in schema.names]
      _check_types(schema, used, columns, name)
      size = source.seek(0, 2)
      total = 0
      meta = {**(schema.metadata or {}), _NAMES: json.dumps(schema.names)}
      kept = pa.schema([schema.field(n) for n in used], meta)
      with pa.OSFile(str(file), 'wb') as f, pa.ipc.new_file(f, kept) as out:
        for batch in parquet.iter_batches(batch_size=_ROWS, columns=used):
          total += batch.nbytes
          if total > max(_SMALL, _GROWTH * size):
            raise RecordError(
              f'{size} bytes unpack to more than {total >> 20} MiB', file=name
            )
          out.write_batch(batch.select(used).cast(kept))
  except RecordError:
    raise
  except pa.ArrowException as error:
    reason = f'cannot read this Parquet file: {one_line(error)}'
    raise RecordError(reason, file=name) from error
  except OSError as error:
    if isinstance(error, pa.ArrowException) or error.errno is None:
      # Arrow's own: what is wrong with the file.
      reason = f'cannot read this Parquet file: {one_line(error)}'
      raise RecordError(reason, file=name) from error
    raise


def _check_types(
  schema: pa.Schema, used: list[str], columns: Columns, name: str
) -> None:
  files = {getattr(columns, kind) for kind in FILES}
  if not used:
    raise RecordError(
      f'has the columns {", ".join(schema.names)}: none of them is one of '
      f'{", ".join(columns.all())} (--data.columns.* name others)',
      file=name,
    )
  for column in used:
    kind = schema.field(column).type
    if pa.types.is_dictionary(kind):
      kind = kind.value_type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    if column in files:
      fits = text or binary or pa.types.is_struct(kind)
    else:
      fits = text or pa.types.is_integer(kind) or pa.types.is_floating(kind)
      fits = fits or pa.types.is_boolean(kind) or pa.types.is_null(kind)
    if not fits:
      raise RecordError(f'the column {column} holds {kind}', file=name)
