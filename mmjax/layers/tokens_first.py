"""Attention in the order of axes that suits TPUs."""

import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.masking import full_precision

# The score of what is not looked at: finite, or differences were not numbers.
_LEAST = -1e30


def tokens_first_attention(
  query: Float[Array, 'b k n h'],
  key: Float[Array, 'b k m h'],
  value: Float[Array, 'b k m h'],
  mask: Bool[Array, '#b #k #n m'] | None = None,
  bias: Float[Array, '#b #k n m'] | None = None,
) -> Float[Array, 'b k n h']:
  """The same as `dot_product_attention`; for a style's `attend`.

  It computes in `b n k h`, in which projections give and take their arrays; the
  compiler cancels the two changes of order that are left. For TPUs it then does
  the softmax in the fusion of the first product (docs/performance.md).

  In half precision differences of scores are rounded like the scores;
  exponentials are float32, and what is summed is what multiplies the values.
  """
  query, key, value = (
    rearrange(x, 'b k n h -> b n k h') for x in (query, key, value)
  )
  scale = query.shape[-1] ** -0.5
  logits = jnp.einsum('bnkh,bmkh->bknm', query * scale, key)
  if bias is not None:
    logits = logits + bias.astype(logits.dtype)
  if mask is not None:
    logits = jnp.where(mask, logits, _LEAST)
  top = jax.lax.stop_gradient(jnp.max(logits, axis=-1, keepdims=True))
  weights = jnp.exp(full_precision(logits - top)).astype(value.dtype)
  total = jnp.sum(full_precision(weights), axis=-1, keepdims=True)
  sums = jnp.einsum('bknm,bmkh->bnkh', weights, value)
  # Divided at last: there are fewer features than keys.
  sums = full_precision(sums) / rearrange(total, 'b k n 1 -> b n k 1')
  if mask is not None:
    # A query that may look at nothing has taken an equal part of each key.
    looks = rearrange(mask.any(axis=-1, keepdims=True), 'b k n 1 -> b n k 1')
    sums = jnp.where(looks, sums, 0.0)
  return rearrange(sums.astype(value.dtype), 'b n k h -> b k n h')
