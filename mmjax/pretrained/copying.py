"""Copies of arrays that JAX takes over as they are, turned tile by tile."""

import math

import numpy as np

from mmjax.pretrained.pages import Room, aligned

# Columns and rows of the result that are turned at once: the tile fits the
# second cache, and a row of it touches what fits the first. Lines of a power of
# two would compete for the same places there, so they stand further apart.
_TILE, _APART = (256, 512), 16


def own_copy(
  x: np.ndarray, dtype: np.dtype, room: Room | None = None
) -> np.ndarray:
  """An array with equal values, contiguous and aligned.

  Args:
    x: of any strides.
    dtype: of the result.
    room: where the result shall stand; memory of its own if None.
  """
  memory = room.take() if room else aligned(size_of(x.shape, dtype))
  result = memory.view(dtype).reshape(x.shape)
  matrix = _as_turned_matrix(x)
  if matrix is None:
    np.copyto(result, x, casting='unsafe')
  else:
    _copy_turned(matrix, result.reshape(matrix.shape))
  return result


def size_of(shape: tuple[int, ...], dtype: np.dtype) -> int:
  """Bytes of an array."""
  return math.prod(shape) * np.dtype(dtype).itemsize


def _as_turned_matrix(x: np.ndarray) -> np.ndarray | None:
  """The array as a matrix whose columns are contiguous, if it is one."""
  breaks = [
    i for i in range(1, x.ndim) if x.strides[i - 1] != x.strides[i] * x.shape[i]
  ]
  if len(breaks) != 1:
    return None
  matrix = x.reshape(math.prod(x.shape[: breaks[0]]), -1)
  return matrix if matrix.strides[0] == x.itemsize else None


def _copy_turned(x: np.ndarray, to: np.ndarray) -> None:
  """Copies a matrix whose columns are contiguous to one whose rows are."""
  high, wide = _TILE
  room = np.empty((wide, high + _APART), x.dtype)
  for i in range(0, x.shape[0], high):
    for j in range(0, x.shape[1], wide):
      part = x[i : i + high, j : j + wide].T
      tile = room[: part.shape[0], : part.shape[1]]
      np.copyto(tile, part)
      np.copyto(to[i : i + high, j : j + wide], tile.T, casting='unsafe')
