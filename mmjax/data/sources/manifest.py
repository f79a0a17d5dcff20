"""Manifests: a record a line of JSON, or a row of CSV.

The file is kept as it is, beside where each record begins, so that a million
records take little more memory than the file.
"""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from mmjax.data.errors import RecordError
from mmjax.data.sources.record import (
  FILES,
  Columns,
  Record,
  glance,
  is_missing,
)
from mmjax.data.sources.storage import File, Storage, clean, one_line
from mmjax.types import InputError

SUFFIXES = ('.csv', '.tsv', '.jsonl', '.ndjson')
_MAX_BYTES = 2**32
_BOM = b'\xef\xbb\xbf'


class Manifest:
  """The records of one manifest; files are relative to a folder."""

  classes = None

  def __init__(
    self,
    storage: Storage,
    path: str,
    *,
    columns: Columns,
    files: Storage | None = None,
    split: str | None = None,
  ):
    """Reads the file.

    Args:
      storage: folder of the manifest.
      path: the manifest in it.
      columns: what its columns are called.
      files: the folder that cells are relative to; the manifest's if None.
      split: that of records that do not tell their own.

    Raises:
      InputError: it cannot be read, or has no usable header.
    """
    self._columns, self._split = columns, split
    self.names: set[str] = set()
    self._file = storage.name(path)
    self._files = storage if files is None else files
    self._blob = storage.read(path, limit=_MAX_BYTES).removeprefix(_BOM)
    self._header: list[str] | None = None
    if path.endswith(('.csv', '.tsv')):
      self._delimiter = '\t' if path.endswith('.tsv') else ','
      starts = self._read_header()
    else:
      starts = [(a, b, n) for n, a, b in _lines(self._blob) if a < b]
    # Where each record begins and ends, and the number of its line.
    self._places = np.array(starts, np.int64).reshape(-1, 3)

  def __len__(self) -> int:
    return len(self._places)

  def __getitem__(self, row: int) -> Record:
    start, end, line = self._places[row].tolist()
    try:
      text = self._blob[start:end].decode('utf-8')
      cells = self._csv(text, self._header) if self._header else _json(text)
    except UnicodeDecodeError as error:
      raise self._error('this line is not UTF-8', line) from error
    except (ValueError, csv.Error, RecursionError) as error:
      raise self._error(f'{one_line(error)}', line) from error
    found = self._cells(cells, line)
    split = found.get(self._columns.split)
    return Record(
      name=name_of(found, self._columns, default=f'row {line}'),
      cells=found,
      file=self._file,
      row=line,
      split=self._split if is_missing(split) else str(split),
    )

  def glance(self) -> Iterator[Record | RecordError]:
    """Every record: nothing of it is slow to read."""
    return glance(self)

  def _error(self, reason: str, line: int) -> RecordError:
    return RecordError(reason, file=self._file, row=line)

  def _cells(self, cells: Mapping[str, Any], line: int) -> dict[str, Any]:
    """Files as such; of the columns that are not used, those of one value."""
    found = {}
    self.names.update(cells)
    files = {getattr(self._columns, name) for name in FILES}
    used = set(self._columns.all())
    for name, cell in cells.items():
      if name not in used:
        if isinstance(cell, (str, int, float)) and not is_missing(cell):
          found[name] = clean(cell) if isinstance(cell, str) else cell
        continue
      if isinstance(cell, float) and math.isnan(cell):
        cell = None
      if is_missing(cell):
        continue
      if isinstance(cell, (list, dict)):
        kind = 'list' if isinstance(cell, list) else 'dict'
        raise self._error(f'{name} is a {kind}, not one value', line)
      if name in files:
        if not isinstance(cell, str):
          raise self._error(f'{name} is {cell!r}, not the name of a file', line)
        cell = File(self._files, clean(cell))
      found[name] = clean(cell) if isinstance(cell, str) else cell
    return found

  def _csv(self, text: str, header: list[str]) -> dict[str, str]:
    reader = csv.reader(
      io.StringIO(text), delimiter=self._delimiter, strict=True
    )
    rows = list(reader)
    if len(rows) != 1 or len(rows[0]) != len(header):
      count = len(rows[0]) if len(rows) == 1 else 'broken'
      raise ValueError(f'this row has {count} cells, the header {len(header)}')
    return dict(zip(header, rows[0], strict=True))

  def _read_header(self) -> list[tuple[int, int, int]]:
    """Reads the names of the columns; returns where the rows are."""
    rows = _csv_rows(self._blob, self._delimiter)
    start, end, _ = next(rows, (0, 0, 1))
    try:
      text = self._blob[start:end].decode('utf-8')
      if self._delimiter == ',' and ';' in text and ',' not in text:
        self._delimiter = ';'
        rows = _csv_rows(self._blob, self._delimiter)
        next(rows)
      found = list(csv.reader(io.StringIO(text), delimiter=self._delimiter))
    except (UnicodeDecodeError, csv.Error) as error:
      raise InputError(f'{self._file}: cannot read the header') from error
    names = [name.strip() for name in found[0]] if found else []
    twice = [name for name in names if names.count(name) > 1]
    if not names or twice:
      what = f'names {twice[0]!r} twice' if twice else 'is missing'
      raise InputError(f'{self._file}: the header {what}')
    if not set(names) & set(self._columns.all()):
      raise InputError(
        f'{self._file} has the columns {", ".join(names)}: none of them is '
        f'one of {", ".join(self._columns.all())} (--data.columns.* name '
        'others)'
      )
    self._header = names
    return list(rows)


def name_of(cells: Mapping[str, Any], columns: Columns, *, default: str) -> str:
  """What a record is called: its name, a file without suffix, or its text."""
  name = cells.get(columns.name)
  if not is_missing(name) and not isinstance(name, bytes):
    return clean(str(name))
  for column in FILES:
    cell = cells.get(getattr(columns, column))
    if isinstance(cell, File):
      return cell.name.removesuffix(PurePosixPath(cell.name).suffix)
  text = cells.get(columns.text)
  return text if isinstance(text, str) and text else default


def _json(text: str) -> dict[str, Any]:
  cells = json.loads(text)
  if not isinstance(cells, dict):
    raise ValueError('this line is no JSON object')
  return cells


def _lines(blob: bytes) -> Iterator[tuple[int, int, int]]:
  """Number, start and end of each line, without blanks around it."""
  start, number = 0, 1
  while start < len(blob):
    end = blob.find(b'\n', start)
    end = len(blob) if end < 0 else end
    line = blob[start:end]
    yield number, end - len(line.lstrip()), start + len(line.rstrip())
    start, number = end + 1, number + 1


def _csv_rows(blob: bytes, delimiter: str) -> Iterator[tuple[int, int, int]]:
  """Start, end and first line of each row, which may have several lines."""
  place = start = 0
  line = first = 1

  def lines() -> Iterator[str]:
    nonlocal place, line
    while place < len(blob):
      end = blob.find(b'\n', place) + 1 or len(blob)
      text = blob[place:end].decode('utf-8', 'surrogateescape')
      place, line = end, line + 1
      yield text

  reader = csv.reader(lines(), delimiter=delimiter, strict=True)
  while True:
    start, first = place, line
    try:
      row = next(reader)
    except StopIteration:
      return
    except csv.Error:
      # Most often a quote that is never closed: the row is broken, and told
      # so when it is read.
      row = ['broken']
      reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    if row:
      yield start, place, first
