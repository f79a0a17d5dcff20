"""What a person hands over, as the cell of a record: file, bytes or text."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mmjax.data.errors import RecordError
from mmjax.data.sources.record import Blob, Record, Samples
from mmjax.data.sources.storage import Storage, clean
from mmjax.types import InputError

Cell = str | Path | bytes | Blob | Samples | int | float
"""A path or the contents of a picture or sound; or a text or number itself."""


class LocalFile(NamedTuple):
  """A file that a person has named, as a `Blob`.

  Attributes:
    path: where it is.
  """

  path: str

  @property
  def name(self) -> str:
    """The path."""
    return clean(self.path)

  def read(self) -> bytes:
    """The bytes.

    Raises:
      RecordError: there is no such file, it is a pipe or device, or too large.
    """
    path = os.path.expanduser(self.path)
    if '\0' in path or not path:
      raise RecordError(f'{path!r} names no file')
    if os.path.isdir(path):
      raise RecordError('this is a folder', file=self.name)
    # Whoever names a link wants what it leads to.
    folder, name = os.path.split(os.path.realpath(path))
    try:
      return Storage(folder).read(name)
    except RecordError as error:
      raise RecordError(error.reason, file=self.name) from error


def record_of(inputs: Mapping[str, Cell]) -> Record:
  """A record of what is there of each modality.

  Args:
    inputs: modality -> its cell; a string is the path of a picture or sound.
  """
  cells: dict[str, Any] = {}
  for name, cell in inputs.items():
    if isinstance(cell, Path) or (isinstance(cell, str) and name != 'text'):
      cells[name] = LocalFile(str(cell))
    else:
      cells[name] = cell
  names = [c.name for c in cells.values() if isinstance(c, Blob)]
  return Record(name='', cells=cells, file=(*names, 'this input')[0])


def check_modality(name: str, there: Mapping[str, Any], *, what: str) -> None:
  """Checks that a model can take a modality.

  Raises:
    InputError: it cannot; the message says what it can take.
  """
  if name not in there:
    can = ', '.join(there) or 'nothing'
    raise InputError(f'{what} takes no {name}: it takes {can}')
