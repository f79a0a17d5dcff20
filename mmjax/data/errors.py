"""The error of one record that cannot be read."""

from __future__ import annotations

import os

from mmjax.types import InputError


class RecordError(InputError):
  """One record of a data set cannot be read; its message names it.

  Attributes:
    file: the file that could not be read, or that holds the row.
    row: the row in that file or data set, None when a file is one record.
    reason: what is wrong with it, in one line.
  """

  def __init__(
    self,
    reason: str,
    *,
    file: str | os.PathLike[str] | None = None,
    row: int | None = None,
  ):
    self.file = None if file is None else os.fspath(file)
    self.row = row
    self.reason = ' '.join(str(reason).split())
    super().__init__(f'{self.name}: {self.reason}')

  @property
  def name(self) -> str:
    """The file and the row, as a log line names them."""
    parts = [] if self.file is None else [self.file]
    if self.row is not None:
      parts.append(f'row {self.row}')
    return ', '.join(parts) or 'a record'

  def __reduce__(self):
    # Exceptions cross processes by pickle, which knows only positional
    # arguments.
    return _rebuild, (self.reason, self.file, self.row)


def _rebuild(reason: str, file: str | None, row: int | None) -> RecordError:
  return RecordError(reason, file=file, row=row)
