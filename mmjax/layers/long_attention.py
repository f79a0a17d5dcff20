"""Attention for long sequences, whose scores do not fit into a CPU's cache."""

import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.layers.attention import dot_product_attention


def long_attention(
  query: Float[Array, 'b k n h'],
  key: Float[Array, 'b k m h'],
  value: Float[Array, 'b k m h'],
  mask: Bool[Array, '#b #k #n m'] | None = None,
  bias: Float[Array, '#b #k n m'] | None = None,
) -> Float[Array, 'b k n h']:
  """The same as `dot_product_attention`; for a style's `attend`.

  On a CPU it takes one head of one example after the other: for a thousand
  tokens the scores of all of them are hundreds of megabytes, which would go to
  memory and back several times. Other platforms compute them at once. It is
  chosen where a program is lowered, not by what this process runs on.
  """
  count = query.shape[1]

  def one_by_one(query: Array, key: Array, value: Array) -> Array:
    def one(i: Array) -> Array:
      row, head = i // count, i % count
      found = dot_product_attention(
        *(_pick(x, row, head) for x in (query, key, value)),
        *(None if x is None else _pick(x, row, head) for x in (mask, bias)),
      )
      return found[0, 0]

    found = jax.lax.map(one, jnp.arange(query.shape[0] * count))
    return rearrange(found, '(b k) n h -> b k n h', k=count)

  def at_once(query: Array, key: Array, value: Array) -> Array:
    return dot_product_attention(query, key, value, mask, bias)

  return jax.lax.platform_dependent(
    query, key, value, cpu=one_by_one, default=at_once
  )


def _pick(x: Array, row: Array, head: Array) -> Array:
  """One head of one example, with axes of one for both."""
  for axis, i in enumerate((row, head)):
    if x.shape[axis] > 1:
      x = jax.lax.dynamic_slice_in_dim(x, i, 1, axis)
  return x
