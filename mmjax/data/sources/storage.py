"""A folder, here or on object storage, that nothing is read outside of.

What names a file may come from anywhere, so it is a relative path, without
`..`, that no link leads out of the folder; what it leads to is a file (a pipe
would be waited for) and not too large. Object storage is read through fsspec
(https://filesystem-spec.readthedocs.io), whose drivers (gcsfs, s3fs) are
installed beside it.
"""

import os
import stat
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import fsspec
from fsspec.implementations.local import LocalFileSystem

from mmjax.data.errors import RecordError
from mmjax.types import InputError

MAX_BYTES = 2**28  # of one picture, sound or text as it is stored


class Storage:
  """A folder, by path or URL (`gs://...`, `s3://...`, `memory://...`).

  Attributes:
    root: the folder, as errors call it.
  """

  def __init__(self, root: str):
    try:
      self._fs, path = fsspec.core.url_to_fs(os.path.expanduser(root))
    except Exception as error:  # each driver has its own
      raise InputError(f'cannot read {root}: {one_line(error)}') from error
    self._local = isinstance(self._fs, LocalFileSystem)
    self._path = os.path.realpath(path) if self._local else path.rstrip('/')
    # What a person wrote, for errors.
    self.root = path if self._local else root.rstrip('/')

  def name(self, path: str) -> str:
    """What a file in the folder is called."""
    return clean(f'{self.root}/{path}' if path else self.root)

  def kind(self) -> str:
    """'file', 'folder' or 'nothing'.

    Raises:
      InputError: that cannot be known.
    """
    try:
      if self._fs.isdir(self._path):
        return 'folder'
      if self._local:
        # A pipe or device is no file.
        return 'file' if os.path.isfile(self._path) else 'nothing'
      return 'file' if self._fs.exists(self._path) else 'nothing'
    except Exception as error:
      raise InputError(f'cannot read {self.root}: {one_line(error)}') from error

  def files(self) -> list[str]:
    """Paths in the folder, and below it, sorted; hidden ones left out.

    Raises:
      InputError: the folder, or one in it, cannot be listed, or is a link out
        of it.
    """
    try:
      found = self._walk() if self._local else self._fs.find(self._path)
      prefix = '' if self._local else f'{self._path}/'
      names = [str(name).removeprefix(prefix) for name in found]
    except InputError:
      raise
    except Exception as error:
      raise InputError(f'cannot list {self.root}: {one_line(error)}') from error
    return sorted(n for n in names if not any(
      part.startswith('.') for part in n.split('/')
    ))  # fmt: skip

  def _walk(self) -> list[str]:
    def unreadable(error: OSError):
      raise error

    found = []
    for folder, folders, names in os.walk(self._path, onerror=unreadable):
      here = os.path.relpath(folder, self._path)
      here = '' if here == '.' else f'{here}/'
      for name in folders:
        # Those of the same folder would be met twice, or without end.
        if os.path.islink(f'{folder}/{name}') and not self._inside(
          os.path.realpath(f'{folder}/{name}')
        ):
          raise InputError(
            f'{self.root}/{here}{name} is a link out of {self.root}: name the '
            'folder that it leads to'
          )
      found += [here + name for name in names]
    return found

  def state(self, path: str) -> str:
    """What changes when the file does: its size and time, or its etag.

    Raises:
      RecordError: there is no such file.
    """
    try:
      if self._local:
        info = os.stat(self._full(path))
        return f'{info.st_size} {info.st_mtime_ns}'
      found = self._fs.info(self._full(path))
      keys = 'size', 'ETag', 'etag', 'md5Hash', 'mtime', 'LastModified'
      return ' '.join(str(found.get(key)) for key in keys)
    except RecordError:
      raise
    except Exception as error:
      raise self.error(path, error) from error

  def read(
    self,
    path: str,
    *,
    start: int = 0,
    size: int | None = None,
    limit: int = MAX_BYTES,
  ) -> bytes:
    """Bytes of a file in the folder.

    Args:
      path: relative to the folder, with `/`.
      start: the first byte.
      size: how many; to the end if None.
      limit: how many at most.

    Raises:
      RecordError: the path leaves the folder, there is no such file, or it is
        too large or too short.
    """
    most = limit + 1 if size is None else size
    if most > limit + 1:
      raise self._too_large(path, limit)
    try:
      full = self._full(path)
      if self._local:
        with self.open(path) as f:
          f.seek(start)
          data = f.read(most)
      else:
        data = self._fs.cat_file(full, start=start, end=start + most)
    except RecordError:
      raise
    except Exception as error:
      raise self.error(path, error) from error
    if len(data) > limit:
      raise self._too_large(path, limit)
    if size is not None and len(data) < size:
      raise RecordError('this file is cut off', file=self.name(path))
    return data

  def open(self, path: str) -> Any:
    """The file, to read bytes from any place.

    Raises:
      RecordError: the path leaves the folder, or there is no such file.
    """
    try:
      full = self._full(path)
      if not self._local:
        return self._fs.open(full, 'rb')
      # Not to block at a pipe.
      fd = os.open(full, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except RecordError:
      raise
    except Exception as error:
      raise self.error(path, error) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
      os.close(fd)
      raise RecordError('this is no file', file=self.name(path))
    return os.fdopen(fd, 'rb')

  def local(self, path: str) -> str:
    """The file's place on this machine, for what opens files itself.

    Raises:
      InputError: the folder is not here.
      RecordError: the path leaves the folder.
    """
    if not self._local:
      raise InputError(f'{self.root} can only be read here: copy it')
    return self._full(path)

  def error(self, path: str, error: Exception) -> RecordError:
    """What to raise for an error of reading a file."""
    reason = 'no such file'
    if not isinstance(error, FileNotFoundError):
      reason = f'cannot read this file: {one_line(error)}'
    return RecordError(reason, file=self.name(path))

  def _too_large(self, path: str, limit: int) -> RecordError:
    return RecordError(
      f'this is more than the {limit >> 20} MiB that are read at most',
      file=self.name(path),
    )

  def _full(self, path: str) -> str:
    """Raises RecordError where a path leaves the folder."""
    parts = PurePosixPath(path).parts
    if not path or '\0' in path:
      raise RecordError(f'{path!r} names no file', file=self.root)
    if '..' in parts or path.startswith('/') or '://' in path or '::' in path:
      raise RecordError(
        f'{path!r} leaves the folder {self.root}', file=self.name('')
      )
    full = f'{self._path}/{path}'
    if not self._local:
      return full
    real = os.path.realpath(full)
    if not self._inside(real):
      raise RecordError(
        f'this is a link out of {self.root}', file=self.name(path)
      )
    return real

  def _inside(self, real: str) -> bool:
    return os.path.commonpath([real, self._path]) == self._path


class File(NamedTuple):
  """A file, or a part of one, as a `Blob`.

  Attributes:
    storage: the folder.
    path: in the folder.
    start: the first byte.
    size: number of bytes; to the end if None.
    member: what the part is called.
  """

  storage: Storage
  path: str
  start: int = 0
  size: int | None = None
  member: str | None = None

  @property
  def name(self) -> str:
    """The path, or the name of the part."""
    return clean(self.path if self.member is None else self.member)

  def read(self) -> bytes:
    """The bytes.

    Raises:
      RecordError: they cannot be read, or are too many.
    """
    return self.storage.read(self.path, start=self.start, size=self.size)


def clean(text: str) -> str:
  """Text without halves of characters, which nothing could print or hash."""
  return text.encode('utf-8', 'replace').decode('utf-8')


def parent(root: str) -> tuple[str, str]:
  """A file's folder and its own name."""
  folder, _, name = root.rpartition('/')
  return folder or ('/' if root.startswith('/') else '.'), name


def one_line(error: BaseException) -> str:
  """What an error says, or is, in one line."""
  if isinstance(error, OSError) and error.strerror:
    return error.strerror
  return ' '.join(str(error).split()) or type(error).__name__
