"""How a run ends before its time, other than by a bug."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


class RunError(RuntimeError):
  """What the run cannot go on with; shown as one line, exit code 1."""


class Stopped(KeyboardInterrupt):
  """The run was asked to end, and what it has done is saved.

  Like Ctrl-C it must pass every `except Exception` on its way out.

  Attributes:
    code: exit code, 130 after Ctrl-C; 0 after SIGTERM, as nothing is lost.
  """

  def __init__(self, code: int):
    super().__init__(code)
    self.code = code


def bytes_free(folder: Path) -> str:
  """Room on the disk of a folder, for people."""
  while not folder.exists() and folder != folder.parent:
    folder = folder.parent
  found = os.statvfs(folder)
  return f'{found.f_bavail * found.f_frsize:,} bytes free'


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
  """Turns what the system says of a full disk into a RunError."""
  try:
    yield
  except OSError as error:
    if error.errno not in _FULL:
      raise
    raise RunError(
      f'cannot write to {error.filename or folder}: {error.strerror} '
      f'({bytes_free(folder)}); what was saved before is whole'
    ) from error
