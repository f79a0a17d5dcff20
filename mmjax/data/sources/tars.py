"""WebDataset shards: tar files whose members are the cells of records.

`a/001.jpg`, `a/001.json` and `a/001.cls` are the record `a/001`
(https://github.com/webdataset/webdataset). A shard is walked through once, and
where its members stand is kept; from then on they are read where they are, in
any order. Nothing is unpacked.
"""

import json
import math
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmjax.data.errors import RecordError
from mmjax.data.sources.cache import made_once
from mmjax.data.sources.folders import KINDS
from mmjax.data.sources.manifest import name_of
from mmjax.data.sources.record import (
  FILES,
  Columns,
  Record,
  glance,
  is_missing,
)
from mmjax.data.sources.storage import File, Storage, clean, one_line

_INLINE = 2**20  # a larger description is an error
_VERSION = 1  # of what is kept


class Tar:
  """The records of one shard."""

  classes = None

  def __init__(
    self,
    storage: Storage,
    path: str,
    *,
    columns: Columns,
    cache: str,
    split: str | None = None,
  ):
    """Walks through the shard, unless that has been done.

    Args:
      storage: folder of the shard.
      path: the shard in it.
      columns: what JSON calls the columns; or suffixes, such as `seg.png`.
      cache: folder to keep the places of members in.
      split: that of records that do not tell their own.

    Raises:
      InputError: the cache cannot be written.
      RecordError: there is no such file.
    """
    self._storage, self._path = storage, path
    self._columns, self._split = columns, split
    file = made_once(
      cache,
      'tars',
      f'{_VERSION} {storage.name(path)} {storage.state(path)}',
      lambda file: _index(storage, path, file),
    )
    self._records = json.loads(file.read_text('utf-8'))
    self.names = {columns.label, *(getattr(columns, name) for name in FILES)}
    for entry in self._records:
      self.names.update(entry.get('cells', ()))

  def __len__(self) -> int:
    return len(self._records)

  def __getitem__(self, row: int) -> Record:
    entry = self._records[row]
    file = self._storage.name(self._path)
    if 'error' in entry:
      reason = f'{entry["name"]}: {entry["error"]}'
      raise RecordError(reason, file=file, row=row)
    cells = {}
    for name, cell in entry['cells'].items():
      if isinstance(cell, (list, dict)):
        kind = 'list' if isinstance(cell, list) else 'dict'
        if name in self._columns.all():
          reason = f'{entry["name"]}: {name} is a {kind}, not one value'
          raise RecordError(reason, file=file, row=row)
      elif not is_missing(cell):
        cells[name] = clean(cell) if isinstance(cell, str) else cell
    # A shard has no files beside it: what JSON says of one is left out.
    for column in FILES:
      cells.pop(getattr(self._columns, column), None)
    for suffix, (start, size) in entry['members'].items():
      member = f'{entry["name"]}.{suffix}'
      blob = File(self._storage, self._path, start, size, member)
      for column in FILES:
        name = getattr(self._columns, column)
        # A suffix of one's own goes before those that are known.
        if suffix == name or (suffix in KINDS[column] and name not in cells):
          cells[name] = blob
    split = cells.get(self._columns.split)
    default = {**cells, self._columns.text: None}
    return Record(
      name=entry['name']
      if is_missing(cells.get(self._columns.name))
      else name_of(default, self._columns, default=entry['name']),
      cells={
        **cells,
        self._columns.label: cells.get(self._columns.label, entry['class']),
      },
      file=file,
      row=row,
      split=self._split if is_missing(split) else str(split),
    )

  def glance(self) -> Iterator[Record | RecordError]:
    """Every record: members are not read."""
    return glance(self)


def _index(storage: Storage, path: str, file: Path) -> None:
  """Writes the names, cells and places of all records."""
  records: dict[str, dict[str, Any]] = {}
  broken = []
  last = -1
  try:
    with (
      storage.open(path) as f,
      tarfile.open(fileobj=f, mode='r:', errorlevel=2) as tar,
    ):
      while (member := tar.next()) is not None:
        # A size below zero would lead back, and round and round.
        if member.offset <= last or member.size < 0:
          raise tarfile.ReadError('its members overlap')
        last = member.offset
        setattr(tar, 'members', [])  # noqa: B010  # or it would keep them all
        if member.isreg() and not member.issparse():
          _add(records, storage, path, member)
      # tarfile takes what is no header for the end.
      f.seek(tar.offset)
      if f.read(tarfile.BLOCKSIZE).strip(b'\0'):
        raise tarfile.ReadError('it is cut off or damaged')
  except Exception as error:  # tarfile lets a dozen kinds through
    reason = f'cannot read this shard further: {one_line(error)}'
    broken.append({'name': path, 'error': reason})
  found = [*records.values(), *broken]
  file.write_text(json.dumps(found), 'utf-8')


def _add(
  records: dict[str, dict[str, Any]],
  storage: Storage,
  path: str,
  member: tarfile.TarInfo,
) -> None:
  folder, slash, name = clean(member.name).removeprefix('./').rpartition('/')
  stem, dot, suffix = name.partition('.')
  if not stem or not dot:
    return  # hidden, or without a suffix
  suffix = suffix.lower()
  key = f'{folder}{slash}{stem}'
  entry = records.setdefault(
    key, {'name': key, 'cells': {}, 'members': {}, 'class': None}
  )
  place = member.offset_data, member.size
  if suffix not in ('json', 'cls'):
    entry['members'][suffix] = place
    return
  try:
    data = storage.read(path, start=place[0], size=place[1], limit=_INLINE)
    text = data.decode('utf-8')
    if suffix == 'cls':
      entry['class'] = text.strip()
      return
    cells = json.loads(text)
    if not isinstance(cells, dict):
      raise ValueError('is no JSON object')
    entry['cells'] = {
      k: None if isinstance(v, float) and not math.isfinite(v) else v
      for k, v in cells.items()
    }
  except (RecordError, ValueError, RecursionError) as error:
    reason = error.reason if isinstance(error, RecordError) else one_line(error)
    entry['error'] = f'.{suffix}: {reason}'
