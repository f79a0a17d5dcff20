"""How far two sets of pictures are from each other, as a network sees them."""

import numpy as np
from jaxtyping import Float


def frechet_distance(
  a: Float[np.ndarray, 'n d'], b: Float[np.ndarray, 'm d']
) -> float:
  """Squared Fréchet distance of the normal distributions fitted to two sets.

  `|mean_a - mean_b|^2 + trace(cov_a + cov_b - 2 (cov_a cov_b)^(1/2))`. It falls
  with the number of rows: compare sets of equal size only. The Fréchet
  Inception Distance has it in the features of an Inception network
  (https://arxiv.org/abs/1706.08500, equation 6).

  Args:
    a: features of one set, at least two rows.
    b: features of the other.

  Returns:
    The distance, in squared units of the features; 0 for equal moments.
  """
  mean_a, cov_a = _moments(a)
  mean_b, cov_b = _moments(b)
  # The trace of a root is the sum of the eigenvalues' roots. Those of
  # cov_a cov_b are those of the symmetric root_a cov_b root_a.
  values, vectors = np.linalg.eigh(cov_a)
  root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
  product = np.linalg.eigvalsh(root @ cov_b @ root)
  common = np.sqrt(np.maximum(product, 0)).sum()
  spread = np.trace(cov_a) + np.trace(cov_b) - 2 * common
  return float(((mean_a - mean_b) ** 2).sum() + spread)


def _moments(x):
  x = np.asarray(x, np.float64)
  return x.mean(axis=0), np.atleast_2d(np.cov(x, rowvar=False))
