"""What of a source goes into an index: one row for each file or text."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mmjax.data.errors import RecordError
from mmjax.data.sources.opened import cell_of
from mmjax.data.sources.record import Blob, Record, Samples
from mmjax.data.sources.records import Records
from mmjax.data.sources.storage import File, Storage

_INTEGER = range(-(2**63), 2**63)
_LONGEST = 4096  # characters of a value
_NAMES = ('label', 'split', 'name')


class Entry(NamedTuple):
  """One row of an index, before it is embedded.

  Attributes:
    id: of the modality and the place.
    path: where it is, for people.
    modality: image, audio or text.
    state: changes when the contents do.
    cell: its contents, or where they are.
    fields: metadata by column.
  """

  id: str
  path: str
  modality: str
  state: str
  cell: Any
  fields: Mapping[str, Any]


def entries(
  records: Records, modalities: Sequence[str]
) -> Iterator[Entry | RecordError]:
  """The rows of a source, each file once, or why one cannot be read."""
  source = records.opened.source
  seen: set[str] = set()
  for row in range(len(source)):
    try:
      record = source[row]
    except RecordError as error:
      yield error
      continue
    fields = _fields(record, records)
    for modality in modalities:
      cell = cell_of(record, modality, records.columns)
      if cell is None:
        continue
      try:
        place, state = place_of(record, cell, row), _state(cell)
      except RecordError as error:
        yield error
        continue
      key = _hash(f'{modality}\0{place}')
      if key not in seen:
        seen.add(key)
        # What the data says of it is told anew when that changes.
        told = _hash(f'{state}\0{sorted(fields.items())!r}')
        yield Entry(key, place, modality, told, cell, fields)


def kinds(found: Sequence[Entry]) -> dict[str, str]:
  """A type for each column of metadata that holds all of its values."""
  values: dict[str, list[Any]] = {}
  for entry in found:
    for name, value in entry.fields.items():
      values.setdefault(name, []).append(value)
  return {
    name: 'STRING' if name in _NAMES else _kind(some)
    for name, some in values.items()
  }


def fit(value: Any, kind: str) -> Any:
  """A value of a column's type; None if it is none."""
  if value is None or value == '':
    return None
  if kind == 'STRING':
    return str(value)[:_LONGEST]
  if kind == 'BOOLEAN':
    return value if isinstance(value, bool) else None
  try:
    number = float(value)
    if not math.isfinite(number):
      return None
    if kind == 'DOUBLE':
      return number
    whole = int(value)
    return whole if whole == number and whole in _INTEGER else None
  except (TypeError, ValueError, OverflowError):
    return None


def _kind(values: Sequence[Any]) -> str:
  some = [value for value in values if value not in (None, '')]
  if some and all(isinstance(value, bool) for value in some):
    return 'BOOLEAN'
  for kind in ('BIGINT', 'DOUBLE'):
    if some and all(
      not isinstance(value, bool) and fit(value, kind) is not None
      for value in some
    ):
      return kind
  return 'STRING'


def _fields(record: Record, records: Records) -> dict[str, Any]:
  """Label, split and name, and what else a table says of a record."""
  columns = records.columns
  found: dict[str, Any] = {'split': record.split}
  used = {columns.image, columns.audio, columns.text, columns.text_file}
  for name, cell in record.cells.items():
    if name not in used and isinstance(cell, (str, int, float, bool)):
      found[name] = cell
  label = record.cells.get(columns.label)
  if isinstance(label, (str, int)):
    found['label'] = str(label)
  text = record.cells.get(columns.text)
  if isinstance(text, str):
    found['text'] = text
  names = ('id', 'path', 'modality', 'state', 'vector', '_distance')
  return {
    name if name not in names else f'data_{name}': value
    for name, value in found.items()
    if name.isidentifier() and len(name) < 64
  }


def place_of(record: Record, cell: Any, row: int) -> str:
  """The file that a cell names, or the file and row that it stands in."""
  if isinstance(cell, File):
    whole = cell.storage.name(cell.path)
    return whole if cell.member is None else f'{whole}:{cell.name}'
  return f'{record.file}:{row if record.row is None else record.row}'


def _state(cell: Any) -> str:
  if isinstance(cell, File):
    storage: Storage = cell.storage
    return f'{storage.state(cell.path)} {cell.start} {cell.size}'
  if isinstance(cell, Samples):
    return _hash(cell.x.tobytes() + str(cell.rate).encode())
  if isinstance(cell, Blob):
    return _hash(cell.read())
  return _hash(cell if isinstance(cell, bytes) else str(cell))


def _hash(data: str | bytes) -> str:
  if isinstance(data, str):
    data = data.encode('utf-8', 'replace')
  return hashlib.blake2b(data, digest_size=16).hexdigest()
