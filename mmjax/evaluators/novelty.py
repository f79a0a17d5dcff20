"""Whether drawn pictures are new, or copies of those for training."""

import numpy as np
from jaxtyping import Shaped


def novelty(
  drawn: Shaped[np.ndarray, 'n h w c'],
  real: Shaped[np.ndarray, 'm h w c'],
  train: Shaped[np.ndarray, 'k h w c'],
) -> float:
  """Median distance of drawn pictures to their nearest neighbours in training,
  over that of real pictures which are not in training.

  Distances are Euclidean, over the pixels.
  """
  train = _flat(train)
  near, far = (np.median(_nearest(_flat(x), train)) for x in (drawn, real))
  return float(near / far) if far else float('nan')


def _nearest(x: np.ndarray, among: np.ndarray) -> np.ndarray:
  squares = (among**2).sum(axis=1)
  parts = []
  for some in np.array_split(x, max(1, len(x) // 100)):
    # |a - b|^2 = |a|^2 + |b|^2 - 2 ab: one product instead of all differences.
    less = (squares[None] - 2 * some @ among.T).min(axis=1)
    parts.append(np.sqrt(np.maximum((some**2).sum(axis=1) + less, 0)))
  return np.concatenate(parts)


def _flat(x: np.ndarray) -> np.ndarray:
  return x.reshape(len(x), -1).astype(np.float32) / 255
