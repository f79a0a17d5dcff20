"""Memory for many arrays, asked of the system in large pieces.

Linux gives a new page out as zeros when it is first written. Of 4 KiB each,
that takes longer than to copy what belongs there; pieces of many MiB can be of
2 MiB pages. A piece is given back when all of its arrays are gone.
"""

import contextlib
import mmap
import threading
from collections.abc import Sequence

import numpy as np

# Where an array must begin for a CPU device to use it in place.
ALIGNMENT = 64
# Bytes of a piece, at least; of a small total a part of it, so that one piece
# is never much of what is read tensor by tensor.
_PIECE, _PART = 32 << 20, 16


class Room:
  """Where one array will stand."""

  def __init__(self, piece: '_Piece', start: int, size: int):
    """Remembers the place."""
    self._piece, self._start, self._size = piece, start, size

  def take(self) -> np.ndarray:
    """The bytes, which are of any value; once only."""
    memory = self._piece.take()
    return memory[self._start : self._start + self._size]


class _Piece:
  """Several rooms, whose memory is there from the first to the last taken."""

  def __init__(self):
    self.size, self.rooms = 0, 0
    self._memory: np.ndarray | None = None
    self._lock = threading.Lock()

  def take(self) -> np.ndarray:
    with self._lock:
      memory = _pages(self.size) if self._memory is None else self._memory
      self.rooms -= 1
      self._memory = memory if self.rooms else None
    return memory


def plan(sizes: Sequence[int]) -> list[Room]:
  """Rooms for arrays of these many bytes, taken in about that order."""
  least = min(_PIECE, sum(sizes) // _PART)
  rooms, piece = [], _Piece()
  for size in sizes:
    if piece.rooms and piece.size >= least:
      piece = _Piece()
    rooms.append(Room(piece, piece.size, size))
    piece.size += -(-size // ALIGNMENT) * ALIGNMENT
    piece.rooms += 1
  return rooms


def aligned(size: int) -> np.ndarray:
  """So many bytes, which are of any value, of an array of their own."""
  room = np.empty(size + ALIGNMENT, np.uint8)
  start = -room.ctypes.data % ALIGNMENT
  return room[start : start + size]


def _pages(size: int) -> np.ndarray:
  if not hasattr(mmap, 'MADV_HUGEPAGE'):  # only Linux has it
    return aligned(size)
  pages = mmap.mmap(
    -1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
  )
  with contextlib.suppress(OSError):  # a kernel without them
    pages.madvise(mmap.MADV_HUGEPAGE)
  return np.frombuffer(pages, np.uint8, size)
