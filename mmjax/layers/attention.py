"""Scaled dot-product attention and its multi-head layer."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Bool, Float, Int

from mmjax.layers.cache import Slots
from mmjax.layers.rotary import Rotary
from mmjax.masking import full_precision, masked_softmax

Attend = Callable[..., Array]
PROJECTIONS = ('query', 'key', 'value', 'out')
# The score of what is not looked at: finite, or differences were not numbers.
_LEAST = -1e30


def require_divisible(width: int, heads: int) -> None:
  """Raises ValueError unless `heads` equal parts make up `width`."""
  if heads < 1 or width % heads:
    raise ValueError(f'width {width} is not divisible by heads {heads}')


def dot_product_attention(
  query: Float[Array, 'b k n h'],
  key: Float[Array, 'b k m h'],
  value: Float[Array, 'b k m h'],
  mask: Bool[Array, '#b #k #n m'] | None = None,
  bias: Float[Array, '#b #k n m'] | None = None,
) -> Float[Array, 'b k n h']:
  """Computes `softmax(query keyᵀ / sqrt(h) + bias) value` over the real keys.

  Args:
    query: what asks.
    key: what is compared with the queries.
    value: what is averaged.
    mask: True where a query may look at a key; everywhere by default.
    bias: added to the scores, if given.

  Returns:
    The averages. A query that may look at nothing gets zeros.

  Attention Is All You Need, equation 1 (https://arxiv.org/abs/1706.03762).
  """
  scale = query.shape[-1] ** -0.5
  logits = jnp.einsum('bknh,bkmh->bknm', query * scale, key)
  if bias is not None:
    logits = logits + bias.astype(logits.dtype)
  logits = full_precision(logits)
  if mask is not None:
    logits = jnp.where(mask, logits, _LEAST)
  # Of a query that may look at nothing, no key gets more than zero.
  top = jnp.maximum(jnp.max(logits, axis=-1, keepdims=True), _LEAST / 10)
  weights = jnp.exp(logits - jax.lax.stop_gradient(top))
  total = jnp.sum(weights, axis=-1, keepdims=True)
  # Divided at last: there are fewer features than keys.
  sums = jnp.einsum('bknm,bkmh->bknh', weights.astype(value.dtype), value)
  total = jnp.where(total > 0, total, 1.0)
  return (full_precision(sums) / total).astype(value.dtype)


def attention_weights(
  query: Float[Array, 'b k n h'],
  key: Float[Array, 'b k m h'],
  mask: Bool[Array, '#b #k #n m'] | None = None,
  bias: Float[Array, '#b #k n m'] | None = None,
) -> Float[Array, 'b k n m']:
  """Computes `softmax(query keyᵀ / sqrt(h) + bias)`, to be looked at.

  See `dot_product_attention`, which needs less memory.

  Returns:
    How much each query takes of each key; zero where it may not look.
  """
  logits = jnp.einsum('bknh,bkmh->bknm', query * query.shape[-1] ** -0.5, key)
  if bias is not None:
    logits = logits + bias.astype(logits.dtype)
  if mask is None:
    return jax.nn.softmax(full_precision(logits), axis=-1)
  return masked_softmax(full_precision(logits), mask)


class MultiHeadAttention(nn.Module):
  """Multi-head attention from one sequence to another, or to itself.

  The parameters are `query`, `key` and `value` with kernels `[d, k, h]`, and
  `out` with kernel `[k, h, d]`. The collection `intermediates`, where it is
  mutable, gets `weights` `[b k n m]`: see `mmjax/evaluators/rollout.py`.
  """

  heads: int
  """Attention heads; they divide the width, or `head_width` is given."""
  attend: Attend = dot_product_attention
  """Attention of `[b k n h]` arrays; pass another implementation here."""
  biases: tuple[str, ...] = PROJECTIONS
  """Which of the linear layers have one."""
  kv_heads: int | None = None
  """Heads of keys and values; as many queries share each as there are heads
  to one of them (https://arxiv.org/abs/2305.13245). `heads` if None."""
  head_width: int | None = None
  """Features of each head; an equal part of the width if None."""
  rotary: Rotary | None = None
  """What turns queries and keys by their places, if anything."""

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b n d'],
    context: Float[Array, 'b m e'] | None = None,
    *,
    mask: Bool[Array, '#b #k #n m'] | None = None,
    places: Int[Array, '#b n'] | None = None,
    slots: Slots | None = None,
    bias: Float[Array, '#b #k n m'] | None = None,
  ) -> Float[Array, 'b n d']:
    """Lets each position of `x` gather from `context` (from `x` if None).

    Args:
      x: what asks.
      context: what is asked; not needed again once a cache has it.
      mask: True where a position may look; over all slots if there are some.
      places: where `x` stands, for rotary positions; 0, 1, ... if None.
      slots: where `x` stands in the cache of those before it.
      bias: added to the scores, if given.

    Raises:
      ValueError: `heads` does not divide the width, or `kv_heads` the heads.
    """
    own = context is None
    context = x if own else context
    width, head_width = x.shape[-1], self.head_width
    if head_width is None:
      require_divisible(width, self.heads)
      head_width = width // self.heads
    kv_heads = self.heads if self.kv_heads is None else self.kv_heads
    if kv_heads < 1 or self.heads % kv_heads:
      raise ValueError(
        f'heads {self.heads} are not divisible by kv_heads {kv_heads}'
      )

    def project(array, name, heads):
      layer = nn.DenseGeneral(
        (heads, head_width), use_bias=name in self.biases, name=name
      )
      y = checkpoint_name(layer(array), name)
      return rearrange(y, 'b n k h -> b k n h')

    query = project(x, 'query', self.heads)
    if self.rotary is not None:
      here = jnp.arange(x.shape[1])[None] if places is None else places
      query = self.rotary(query, here)
    if self.has_variable('context', 'keys'):
      names = ('keys', 'values')
      key, value = (self.get_variable('context', name) for name in names)
      key = rearrange(key, 'b k h m -> b k m h')
    else:
      key = project(context, 'key', kv_heads)
      value = project(context, 'value', kv_heads)
      if self.rotary is not None:
        there = here if own else jnp.arange(context.shape[1])[None]
        key = self.rotary(key, there)
      if slots is not None:
        keep = self._append if own else self._keep
        key, value = keep('keys', key, slots), keep('values', value, slots)
    if kv_heads != self.heads:
      # Behind the cache, which holds the few heads, turned.
      key, value = (
        jnp.repeat(y, self.heads // kv_heads, axis=1) for y in (key, value)
      )
    if self.is_mutable_collection('intermediates'):
      weights = attention_weights(query, key, mask, bias)
      self.sow('intermediates', 'weights', weights)
    # An implementation that knows of no biases serves all that has none.
    extra = {} if bias is None else {'bias': bias}
    y = self.attend(query, key, value, mask, **extra)
    y = checkpoint_name(rearrange(y, 'b k n h -> b n k h'), 'attended')
    return nn.DenseGeneral(
      width, axis=(-2, -1), use_bias='out' in self.biases, name='out'
    )(y)

  def _append(self, name: str, new: Array, slots: Slots) -> Array:
    """What the cache holds, with what is new in its slots."""
    b, k, _, h = new.shape
    shape = (b, k, slots.mask.shape[1], h)
    held = self.variable('cache', name, jnp.zeros, shape, new.dtype)
    held.value = jax.lax.dynamic_update_slice_in_dim(
      held.value, new, slots.first, axis=2
    )
    return held.value

  def _keep(self, name: str, new: Array, slots: Slots) -> Array:
    """The same, kept for the calls that follow.

    Keys are kept turned: one query at a time reads them faster so.
    """
    del slots
    kept = rearrange(new, 'b k m h -> b k h m') if name == 'keys' else new
    self.variable('context', name, lambda: kept)
    return new
