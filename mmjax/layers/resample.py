"""Bicubic resampling of grids of vectors, as PyTorch's `interpolate` does it.

https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def resample_bicubic(
  x: Float[Array, 'h w d'], size: tuple[int, int], *, antialias: bool = False
) -> Float[Array, 'p q d']:
  """Another number of rows and columns over the same area.

  Args:
    x: a vector for each place of a grid.
    size: rows and columns of the result.
    antialias: whether the cubic is as wide as a step of the coarser grid.
  """
  rows, columns = (
    jnp.asarray(cubic_weights(old, new, antialias=antialias), x.dtype)
    for old, new in zip(x.shape[:2], size, strict=True)
  )
  return jnp.einsum('ph,qw,hwd->pqd', rows, columns, x)


def cubic_weights(
  old: int, new: int, *, antialias: bool = False, corners: bool = False
) -> Float[np.ndarray, 'new old']:
  """What each of the old places adds to each of the new ones.

  With `corners` the first and the last places of both lie on each other, else
  the borders do, half a step outside of them. Keys, Cubic Convolution
  Interpolation (https://doi.org/10.1109/TASSP.1981.1163711), whose free number
  is -3/4 in PyTorch, but -1/2 where it is antialiased.
  """
  centers = (np.arange(new) + 0.5) * (old / new) - 0.5
  if corners:
    centers = np.arange(new) * ((old - 1) / max(new - 1, 1))
  if antialias:
    # Beyond the border there is nothing: the rest counts for more.
    spread = max(old / new, 1)
    weights = _cubic((np.arange(old) - centers[:, None]) / spread, -0.5)
    return weights / weights.sum(axis=1, keepdims=True)
  weights = np.zeros((new, old))
  for step in (-1, 0, 1, 2):
    # Beyond the border the last place goes on.
    places = np.floor(centers).astype(int) + step
    added = _cubic(places - centers, -0.75)
    weights[np.arange(new), np.clip(places, 0, old - 1)] += added
  return weights


def _cubic(x: np.ndarray, a: float) -> np.ndarray:
  x = np.abs(x)
  near = ((a + 2) * x - (a + 3)) * x * x + 1
  far = a * (((x - 5) * x + 8) * x - 4)
  return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
