"""Rooms are apart from each other, and their memory is given back."""

import weakref

import numpy as np
import pytest

from mmjax.pretrained import pages


def test_rooms_are_apart_and_aligned(rng):
  sizes = [*rng.integers(0, 70_000, 50).tolist(), 0, 1]
  rooms = pages.plan(sizes)
  # In any order, as threads take them.
  found = {i: rooms[i].take() for i in rng.permutation(len(rooms))}
  for i, x in found.items():
    assert x.size == sizes[i]
    assert x.ctypes.data % pages.ALIGNMENT == 0
    x[:] = i % 251
  for i, x in found.items():
    assert (x == i % 251).all()


@pytest.mark.parametrize('piece', [pages._PIECE, 100_000])
def test_a_piece_is_small_and_ends_with_its_arrays(piece, monkeypatch):
  made = []

  def make(size):
    memory = np.empty(size, np.uint8)
    made.append(weakref.ref(memory))
    return memory

  monkeypatch.setattr(pages, '_pages', make)
  monkeypatch.setattr(pages, '_PIECE', piece)
  sizes = [64_000] * 100
  most = 0
  for room in pages.plan(sizes):
    kept = room.take()
    alive = [x() for x in made]
    most = max(most, sum(x.size for x in alive if x is not None))
    del alive
  del kept, room
  assert not any(x() is not None for x in made)
  # Beside that of the last array there is none.
  assert most <= min(piece, sum(sizes) // 16) + 64_000
  assert len(made) >= sum(sizes) // most


def test_without_large_pages_it_is_as_well(monkeypatch):
  monkeypatch.delattr(pages.mmap, 'MADV_HUGEPAGE', raising=False)
  (room,) = pages.plan([1000])
  x = room.take()
  assert x.size == 1000
  assert x.ctypes.data % pages.ALIGNMENT == 0
