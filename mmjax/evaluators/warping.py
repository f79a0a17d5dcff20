"""The most alike of sounds that are said at another speed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy import fft

_TOGETHER = 1024
_CEPSTRA = 13


def cepstra(
  log_mel: Float[np.ndarray, 'mels f'],
) -> Float32[np.ndarray, 'f coefficients']:
  """Mel-frequency cepstral coefficients 1 to 13, each of mean 0, deviation 1.

  That takes most of a voice and of a level away, and leaves what is said.
  """
  every = np.asarray(fft.dct(log_mel, axis=0, norm='ortho'))
  rows = every[1 : 1 + _CEPSTRA].T
  scale = rows.std(axis=0) + 1e-6
  return ((rows - rows.mean(axis=0)) / scale).astype(np.float32)


def nearest(
  known: Sequence[Float32[np.ndarray, '_ d']],
  asked: Sequence[Float32[np.ndarray, '_ d']],
) -> Int[np.ndarray, ' asked']:
  """Which known series each asked one is the most like.

  Args:
    known: at least one; none is empty.
    asked: none is empty.

  Returns:
    Rows of `known` with the least `distances`.
  """
  # Long ones together: the others need no cells for them.
  order = np.argsort([len(one) for one in known], kind='stable')
  parts = np.array_split(order, -(-len(order) // _TOGETHER))
  groups = [_group([known[i] for i in part]) for part in parts]
  rows = [
    np.concatenate([_distances(group, one) for group in groups]).argmin()
    for one in asked
  ]
  return order[np.array(rows, int)]


def distances(
  known: Sequence[Float32[np.ndarray, '_ d']],
  asked: Float32[np.ndarray, 'f d'],
) -> Float32[np.ndarray, ' known']:
  """Dynamic time warping: the Euclidean distance of two series' best path.

  A path goes from both beginnings to both ends, by one in either series or in
  both; the sum along it is divided by the length of both
  (https://doi.org/10.1109/TASSP.1978.1163055, without weights).
  """
  return _distances(_group(known), asked)


class _Group(NamedTuple):
  """Known series, laid out so that all are walked at once.

  Attributes:
    x: a cell of the table of distances is one operation for all.
    lengths: of each; what is behind is 0.
  """

  x: Float32[np.ndarray, 'f d known']
  lengths: Int[np.ndarray, ' known']


def _group(known: Sequence[Float32[np.ndarray, '_ d']]) -> _Group:
  lengths = np.array([len(one) for one in known])
  x = np.zeros((lengths.max(), known[0].shape[1], len(known)), np.float32)
  for i, one in enumerate(known):
    x[: len(one), :, i] = one
  return _Group(x, lengths)


def _distances(
  group: _Group, asked: Float32[np.ndarray, 'f d']
) -> Float32[np.ndarray, ' known']:
  cost = np.matmul(-2 * asked, group.x)
  cost += np.square(group.x).sum(axis=1)[:, None]
  cost += np.square(asked).sum(axis=1)[:, None]
  np.sqrt(np.maximum(cost, 0, out=cost), out=cost)
  # A column for each frame that is asked; cell 0 is before the beginning.
  column = np.full((len(cost) + 1, cost.shape[2]), np.inf, np.float32)
  column[0] = 0
  for j in range(len(asked)):
    best = np.minimum(column[1:], column[:-1])
    column[0] = np.inf
    for i, row in enumerate(best):
      np.minimum(row, column[i], out=row)
      np.add(row, cost[i, j], out=column[i + 1])
  each = np.arange(len(group.lengths))
  total = (group.lengths + len(asked)).astype(np.float32)
  return column[group.lengths, each] / total
