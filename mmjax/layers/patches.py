"""Cutting axes of an array into windows, and pictures into patches."""

import jax.numpy as jnp
import numpy as np
from einops import rearrange
from jaxtyping import Array, Float


def windows(x: Array, count: int, size: int, stride: int, *, axis: int):
  """Splits an axis into `count` windows, and the places in each."""
  if size == stride:
    x = x[(slice(None),) * axis + (slice(count * size),)]
    return x.reshape(*x.shape[:axis], count, size, *x.shape[axis + 1 :])
  where = np.arange(count)[:, None] * stride + np.arange(size)[None]
  return jnp.take(x, where, axis=axis)


def count_patches(places: int, size: int, stride: int, side: int = 0) -> int:
  """Patches along an axis of so many places; see `split_patches`."""
  return max(0, (places + 2 * side - size) // stride + 1)


def split_patches(
  x: Float[Array, 'b h w c'],
  size: tuple[int, int],
  stride: tuple[int, int] | None = None,
  sides: tuple[int, int] = (0, 0),
) -> Float[Array, 'b p q values']:
  """What a convolution sees at each place.

  The last rows and columns that make no whole patch are dropped.

  Args:
    x: pictures.
    size: height and width of a patch.
    stride: from one patch to the next; those of a patch if None.
    sides: rows of zeros above and below, and columns on both sides.

  Returns:
    The values of each patch: its rows one behind the other.
  """
  stride = size if stride is None else stride
  p, q = (
    count_patches(*args)
    for args in zip(x.shape[1:3], size, stride, sides, strict=True)
  )
  if any(sides):
    x = jnp.pad(x, ((0, 0), *((side, side) for side in sides), (0, 0)))
  x = windows(x, p, size[0], stride[0], axis=1)
  x = windows(x, q, size[1], stride[1], axis=3)
  return rearrange(x, 'b p h q w c -> b p q (h w c)')
