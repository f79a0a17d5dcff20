"""Slots of a cache: where the keys and values of tokens stay while decoding.

While a model decodes, two collections of variables go along with its
parameters: `cache` has the keys and values of each token so far, `[b k m h]`,
and `context` what is computed once, from what the model listens to, its keys as
`[b k h m]`. Both are made by the first call with `slots`. Under a scan over
layers they have an axis of layers in front, so that the batch is the fourth
axis from the end.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


class Slots(NamedTuple):
  """Where new tokens stand in a cache, and which others are real.

  Attributes:
    first: slot of the first new token; the others follow.
    mask: which slots are real, up to and with those of the new tokens.
  """

  first: Int[Array, ''] | int
  mask: Bool[Array, 'b m']

  def places(self, count: int) -> Int[Array, 'b n']:
    """How many real tokens stand before each of so many new ones."""
    before = jnp.cumsum(self.mask, axis=1, dtype=jnp.int32) - 1
    found = jax.lax.dynamic_slice_in_dim(before, self.first, count, axis=1)
    return jnp.maximum(found, 0)


def may_see(
  real: Bool[Array, 'b n'], slots: Slots | None, *, window: int | None = None
) -> Bool[Array, 'b 1 n m']:
  """Which tokens each new one sees: the real ones up to and with itself.

  Args:
    real: which of the new tokens are real.
    slots: of the new tokens among all; None if there are no others.
    window: how many of the last ones are seen, itself among them.
  """
  all_slots = Slots(0, real) if slots is None else slots
  first, seen = all_slots
  asks = first + jnp.arange(real.shape[1])
  before = asks[:, None] >= jnp.arange(seen.shape[1])[None]
  mask = seen[:, None, None, :] & before[None, None]
  if window is not None:
    # Real tokens are counted: there may be padding between two of them.
    whole = Slots(0, seen).places(seen.shape[1])
    gap = all_slots.places(real.shape[1])[:, :, None] - whole[:, None]
    mask = mask & (gap < window)[:, None]
  return mask


def rows_at(
  table: Float[Array, 'm d'], places: Int[Array, 'b n']
) -> Float[Array, 'b n d']:
  """The rows of a table of positions at these places."""
  return jnp.take(table, places, axis=0, mode='clip')
