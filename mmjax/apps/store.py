"""The table behind a search: LanceDB (https://lancedb.github.io/lancedb).

Every change is committed whole, or not at all; who reads sees the last one.
"""

import contextlib
import datetime
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mmjax.data.sources.storage import one_line
from mmjax.types import InputError

OWN = ('id', 'path', 'modality', 'state', 'vector')
"""Columns that are not taken from the data."""
_TABLE, _META, _NEW = 'items', 'index.json', '.index-'
_CHUNK = 500  # ids in one condition
# Whoever has opened an older state can finish reading.
_KEPT = datetime.timedelta(hours=1)


def read_meta(folder: Path) -> dict[str, Any]:
  """What an index says of itself; empty if there is none.

  Raises:
    InputError: its file is damaged.
  """
  file = folder / _META
  if not file.exists():
    return {}
  try:
    found = json.loads(file.read_text('utf-8'))
  except (OSError, ValueError) as error:
    raise InputError(f'{file} is damaged: {one_line(error)}') from error
  if not isinstance(found, dict) or found.get('schema') != 1:
    raise InputError(f'{file} is of another mmjax: index again')
  return found


def write_meta(folder: Path, meta: Mapping[str, Any]) -> None:
  """Writes it, whole or not at all."""
  try:
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=_NEW)
    with os.fdopen(handle, 'w', encoding='utf-8') as f:
      json.dump({'schema': 1, **meta}, f, indent=2)
    os.chmod(name, 0o644)
    os.replace(name, folder / _META)
  except OSError as error:
    raise InputError(f'cannot write {folder}: {error.strerror}') from error


def clear(folder: Path) -> None:
  """Removes an index, or what there is of one."""
  (folder / _META).unlink(missing_ok=True)
  shutil.rmtree(folder / f'{_TABLE}.lance', ignore_errors=True)


class Store:
  """Rows with a vector, by id."""

  def __init__(self, folder: Path, schema: Any = None):
    """Opens the table.

    Args:
      folder: where it is.
      schema: of a new one, if there is none yet.

    Raises:
      InputError: lancedb is not installed, or there is no table.
    """
    self._db = _lancedb().connect(folder.absolute())
    try:
      if schema is not None:
        self._table = self._db.create_table(
          _TABLE, schema=schema, exist_ok=True
        )
      else:
        self._table = self._db.open_table(_TABLE)
    except Exception as error:  # of Rust, of any kind
      raise InputError(f'{folder} is no index: {one_line(error)}') from error

  def __len__(self) -> int:
    return self._table.count_rows()

  @property
  def columns(self) -> Mapping[str, Any]:
    """Types by name."""
    return {field.name: field.type for field in self._table.schema}

  def states(self) -> dict[str, str]:
    """State of each row's file when it was embedded, by id."""
    found = self._rows(['id', 'state'])
    return dict(
      zip(found['id'].to_pylist(), found['state'].to_pylist(), strict=True)
    )

  def put(self, rows: Sequence[Mapping[str, Any]], *, new: bool) -> None:
    """Adds rows, or, if they are not new, replaces those of their ids."""
    import pyarrow as pa

    table = pa.Table.from_pylist([*rows], schema=self._table.schema)
    if new:
      self._table.add(table)
      return
    merge = self._table.merge_insert('id').when_matched_update_all()
    merge.when_not_matched_insert_all().execute(table)

  def remove(self, ids: Sequence[str]) -> None:
    """Removes rows."""
    for start in range(0, len(ids), _CHUNK):
      some = ', '.join(f"'{i}'" for i in ids[start : start + _CHUNK])
      self._table.delete(f'id IN ({some})')

  def widen(self, columns: Mapping[str, str]) -> None:
    """Adds columns, empty so far: name -> type in SQL."""
    missing = {n: t for n, t in columns.items() if n not in self.columns}
    if missing:
      self._table.add_columns(
        {name: f'CAST(NULL AS {kind})' for name, kind in missing.items()}
      )

  def approximate(self, *, partitions: int) -> None:
    """Groups the vectors, so that a search looks into some groups only."""
    from lancedb.index import IvfFlat

    self._table.create_index(
      'vector',
      config=IvfFlat(distance_type='cosine', num_partitions=partitions),
    )

  def drop_groups(self) -> None:
    """Searches all vectors from now on."""
    for index in self._table.list_indices():
      self._table.drop_index(index.name)

  @property
  def is_approximate(self) -> bool:
    """Whether there are such groups."""
    return any('vector' in i.columns for i in self._table.list_indices())

  def tidy(self) -> None:
    """Joins small files, puts new rows into groups, forgets old states."""
    self._table.optimize(cleanup_older_than=_KEPT)

  def vectors(self, ids: Iterable[int]) -> Float[np.ndarray, 'n d']:
    """Vectors of the rows of these numbers."""
    found = self._rows(['vector'])['vector'].take([*ids])
    return np.array(found.to_pylist(), np.float32)

  def search(
    self,
    vector: Float[np.ndarray, ' d'],
    *,
    k: int,
    where: str | None = None,
    probes: int = 20,
    exact: bool = False,
  ) -> list[dict[str, Any]]:
    """The nearest rows, the nearest first, with their `_distance`.

    Raises:
      InputError: the condition cannot be used.
    """
    columns = [name for name in self.columns if name != 'vector']
    try:
      query = self._table.search(vector, vector_column_name='vector')
      query = query.distance_type('cosine').select([*columns, '_distance'])
      query = query.nprobes(probes).limit(k)
      if exact:
        query = query.bypass_vector_index()
      if where:
        query = query.where(where, prefilter=True)
      return query.to_list()
    except Exception as error:
      if where is None:
        raise InputError(f'cannot search: {one_line(error)}') from error
      there = ', '.join(name for name in columns if name != 'state')
      raise InputError(
        f'--where {where!r}: {one_line(error)[:300]} (columns: {there})'
      ) from error

  def _rows(self, columns: Sequence[str]) -> Any:
    return self._table.search().select([*columns]).limit(None).to_arrow()


def schema(width: int, columns: Mapping[str, str]) -> Any:
  """Types of a table: vectors of a width, and columns of the data."""
  import pyarrow as pa

  kinds = {
    'BIGINT': pa.int64(),
    'DOUBLE': pa.float64(),
    'BOOLEAN': pa.bool_(),
    'STRING': pa.string(),
  }
  own = [pa.field(name, pa.string()) for name in OWN if name != 'vector']
  data = [pa.field(name, kinds[kind]) for name, kind in columns.items()]
  vector = pa.field('vector', pa.list_(pa.float32(), width))
  return pa.schema([*own, *data, vector])


def _lancedb() -> Any:
  # Its notes on what it creates are no news.
  os.environ.setdefault('LANCE_LOG', 'error')
  os.environ.setdefault('LANCEDB_LOG', 'error')
  try:
    import lancedb
  except ImportError as error:
    raise InputError(
      "search needs lancedb: pip install 'mmjax[search]'"
    ) from error
  return lancedb


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
  """Keeps a second process from writing.

  Raises:
    InputError: there is one already.
  """
  made = not folder.exists()
  try:
    folder.mkdir(parents=True, exist_ok=True)
    f = open(folder / '.lock', 'w')  # noqa: SIM115
  except OSError as error:
    raise InputError(f'cannot write {folder}: {error.strerror}') from error
  with f:
    try:
      fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise InputError(f'another process writes {folder}') from error
    for left in folder.glob(f'{_NEW}*'):  # by whoever was killed
      left.unlink(missing_ok=True)
    try:
      yield
    finally:
      if made and [p.name for p in folder.iterdir()] == ['.lock']:
        shutil.rmtree(folder)
