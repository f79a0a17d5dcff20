"""Checksums of a folder's files, written with a checkpoint, checked before use.

Orbax notices a file that is cut short, but not a flipped bit: it restores other
numbers and says nothing. `SHA256SUMS` has the format of sha256sum, so that
`sha256sum -c SHA256SUMS` inside the folder checks it without mmjax too.
"""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

NAME = 'SHA256SUMS'
# Orbax writes these last, with the time, when the rest of the folder is
# complete; nothing that is restored is in them.
_LATER = ('commit_success.txt', '_CHECKPOINT_METADATA')
# Hashing lets go of the interpreter, so threads read and hash side by side.
_THREADS = 8


def write_checksums(folder: Path) -> None:
  """Writes `SHA256SUMS` over all files in a folder, subfolders included."""
  names = _files(folder)
  lines = [
    f'{digest}  {name}\n'
    for name, digest in zip(names, _digests(folder, names), strict=True)
  ]
  part = folder / f'{NAME}.part'
  with part.open('w') as file:
    file.writelines(lines)
    file.flush()
    os.fsync(file.fileno())
  part.replace(folder / NAME)


def find_damage(
  folder: Path, *, under: Iterable[str] = ('',), share: tuple[int, int] = (0, 1)
) -> str | None:
  """Compares a folder with its `SHA256SUMS`.

  Args:
    folder: where `write_checksums` has been.
    under: subfolders to read; '' is everything.
    share: `(i, n)` reads every n-th file from the i-th on, so that n processes
      check a large folder together.

  Returns:
    What is wrong with the first file found damaged, None if nothing is.
  """
  try:
    text = (folder / NAME).read_text()
  except (OSError, UnicodeDecodeError):
    return f'{NAME} cannot be read'
  known = {}
  for line in text.splitlines():
    digest, gap, name = line.partition('  ')
    if not (len(digest) == 64 and gap and name):
      return f'{NAME} is damaged'
    known[name] = digest
  there = set(_files(folder))
  for name in sorted(known.keys() - there):
    return f'{name} is missing'
  # Also what a SHA256SUMS that was cut short between two lines looks like.
  for name in sorted(there - known.keys()):
    return f'{name} has no checksum'
  prefixes = tuple(under)
  names = [name for name in sorted(known) if name.startswith(prefixes)]
  first, step = share
  names = names[first::step]
  try:
    for name, digest in zip(names, _digests(folder, names), strict=True):
      if digest != known[name]:
        return f'{name} differs from its checksum'
  except OSError as error:
    return f'{error.filename} cannot be read: {error.strerror}'
  return None


def _files(folder: Path) -> list[str]:
  """Names relative to the folder; what is hidden is not Orbax's."""
  return sorted(
    path.relative_to(folder).as_posix()
    for path in folder.rglob('*')
    if path.is_file()
    and not path.name.startswith('.')
    and path.relative_to(folder).as_posix()
    not in (NAME, f'{NAME}.part', *_LATER)
  )


def _digests(folder: Path, names: Iterable[str]) -> list[str]:
  def digest(name: str) -> str:
    with (folder / name).open('rb') as file:
      return hashlib.file_digest(file, 'sha256').hexdigest()

  with ThreadPoolExecutor(_THREADS) as pool:
    return list(pool.map(digest, names))
