"""Folders of files, whose first folder is the class: CLASS/.../NAME.png.

Above the classes may stand the splits: train/CLASS/NAME.png. Files that are
called the same up to their suffix, such as NAME.png and NAME.wav, are one
record. Beside NAME.png, NAME.svg is what it was drawn from, and left out.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from mmjax.data.errors import RecordError
from mmjax.data.sources.record import Columns, Record
from mmjax.data.sources.splits import SPLIT_NAMES
from mmjax.data.sources.storage import File, Storage, clean
from mmjax.types import InputError

KINDS = {
  'image': (
    'png', 'jpg', 'jpeg', 'webp', 'gif', 'bmp', 'tif', 'tiff', 'ppm', 'pgm',
    'svg',
  ),
  'audio': ('wav', 'flac', 'ogg', 'oga', 'opus', 'mp3', 'aiff', 'aif', 'au'),
  'video': ('mp4', 'm4v', 'mov', 'mkv', 'webm', 'avi', 'mpg', 'mpeg', 'ogv'),
  'text_file': ('txt',),
}  # fmt: skip
_KIND = {suffix: kind for kind, found in KINDS.items() for suffix in found}


class _Entry(NamedTuple):
  """A record: its name, class, split and files by kind."""

  name: str
  label: str | None
  split: str | None
  files: dict[str, str]


class Folders:
  """The pictures, sounds, videos and texts of a folder."""

  classes = None

  def __init__(self, storage: Storage, paths: list[str], *, columns: Columns):
    """Sorts the files.

    Args:
      storage: the folder.
      paths: all files in it.
      columns: what the columns are called.

    Raises:
      InputError: there is no picture, sound, video or text.
    """
    self._storage, self._columns = storage, columns
    self.names = {columns.label, *(getattr(columns, kind) for kind in KINDS)}
    found = {path: kind for path in paths if (kind := kind_of(path))}
    if not found:
      kinds = ', '.join(s for suffixes in KINDS.values() for s in suffixes)
      raise InputError(
        f'{storage.root} holds no picture, sound, video or text ({kinds})'
      )
    tops = {path.split('/')[0] for path in found}
    split = tops <= set(SPLIT_NAMES) and 'train' in tops
    self._entries = _entries(_no_sources(found), split=split)

  def __len__(self) -> int:
    return len(self._entries)

  def __getitem__(self, row: int) -> Record:
    entry = self._entries[row]
    cells = {
      getattr(self._columns, kind): File(self._storage, path)
      for kind, path in entry.files.items()
    }
    return Record(
      name=clean(entry.name),
      cells={**cells, self._columns.label: entry.label},
      file=self._storage.name(next(iter(entry.files.values()))),
      split=entry.split,
    )

  def glance(self) -> Iterator[Record | RecordError]:
    """Every record."""
    return (self[row] for row in range(len(self)))


def kind_of(path: str) -> str | None:
  """The column that a file belongs to by its suffix."""
  return _KIND.get(PurePosixPath(path).suffix.lower().removeprefix('.'))


def _no_sources(kinds: dict[str, str]) -> dict[str, str]:
  """The files without the drawings that there are pictures of."""
  drawn = {
    _stem(path)
    for path, kind in kinds.items()
    if kind == 'image' and not _is_drawing(path)
  }
  return {
    path: kind
    for path, kind in kinds.items()
    if not (_is_drawing(path) and _stem(path) in drawn)
  }


def _is_drawing(path: str) -> bool:
  return PurePosixPath(path).suffix.lower() == '.svg'


def _stem(path: str) -> str:
  return str(PurePosixPath(path).with_suffix(''))


def _entries(kinds: dict[str, str], *, split: bool) -> list[_Entry]:
  found: dict[str, _Entry] = {}
  for path, kind in sorted(kinds.items()):
    parts = path.split('/')
    part = parts.pop(0) if split else None
    label = clean(parts[0]) if len(parts) > 1 else None
    name = '/'.join([*parts[:-1], PurePosixPath(parts[-1]).stem])
    key = f'{part}/{name}'
    if kind in getattr(found.get(key), 'files', ()):
      # a.jpg and a.png are two pictures.
      name = '/'.join(parts)
      key = f'{part}/{name}'
    entry = found.setdefault(key, _Entry(name, label, part, {}))
    entry.files[kind] = path
  return list(found.values())
