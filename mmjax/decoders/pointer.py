"""Pointer: the next token is one of the vocabulary, or copied from a source."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float, Int

from mmjax.layers.cache import Slots
from mmjax.masking import full_precision, masked_softmax, where_real
from mmjax.types import Tokens

_KEPT = ('keys', 'ids', 'mask')


class Source(NamedTuple):
  """What can be copied.

  Attributes:
    ids: of its tokens, in the vocabulary of what is written.
    tokens: what an encoder made of each.
  """

  ids: Int[Array, 'b n']
  tokens: Tokens


class Pointer(nn.Module):
  """Mixes a decoder's probabilities with those of copying from a source.

  Each token that is written asks all tokens of the source and a sentinel, by
  one softmax: the share of the sentinel is that of the decoder's own
  probabilities, the share of a token that of its id. So names that no training
  text had can be written. Get To The Point: Summarization with
  Pointer-Generator Networks, section 2.2 (https://arxiv.org/abs/1704.04368),
  with the sentinel of Pointer Sentinel Mixture Models
  (https://arxiv.org/abs/1609.07843).

  The key of a token is made of the one before it, too: what comes behind the
  token that was copied last is found by looking for that.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> source = Source(
    ...   ids=jnp.array([[1, 5, 7]]),
    ...   tokens=Tokens(jnp.ones((1, 3, 8)), jnp.ones((1, 3), bool)),
    ... )
    >>> x, logits = jnp.ones((1, 2, 8)), jnp.zeros((1, 2, 9))
    >>> log_p, params = Pointer(width=4).init_with_output(
    ...   jax.random.key(0), x, logits, source)
    >>> log_p.shape
    (1, 2, 9)
  """

  width: int = 64
  """Features of queries and keys."""

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b t d'],
    logits: Float[Array, 'b t v'],
    source: Source | None = None,
    *,
    slots: Slots | None = None,
  ) -> Float[Array, 'b t v']:
    """Computes log-probabilities of the token behind each, in full precision.

    Args:
      x: what the decoder made of the tokens that are written.
      logits: its own scores.
      source: what can be copied; not needed again once the variables of
        `context` have it. An example may have none: then nothing is.
      slots: given while decoding; the source is kept then.

    Raises:
      ValueError: there is no source, and none was given before.
    """
    keys, ids, real = self._source(source, keep=slots is not None)
    query = nn.Dense(self.width, name='query')(x)
    init = nn.initializers.zeros
    sentinel = self.param('sentinel', init, (self.width,)).astype(x.dtype)
    scale = self.width**-0.5
    found = jnp.einsum('bth,bnh->btn', query * scale, keys)
    own = jnp.einsum('bth,h->bt', query * scale, sentinel)
    # The longer the source, the more there is to choose from: at first half
    # of the share is the sentinel's, whatever the length.
    count = jnp.maximum(real.sum(axis=1), 1)
    own = full_precision(own) + jnp.log(count)[:, None]
    share = masked_softmax(
      jnp.concatenate([own[..., None], full_precision(found)], axis=-1),
      jnp.pad(real, ((0, 0), (1, 0)), constant_values=True)[:, None],
    )
    return _mixture(share[..., :1], logits, share[..., 1:], ids)

  def _source(
    self, source: Source | None, *, keep: bool
  ) -> tuple[Float[Array, 'b n h'], Int[Array, 'b n'], Bool[Array, 'b n']]:
    """Keys, ids and which are real, computed now or in an earlier call."""
    if self.has_variable('context', 'keys'):
      kept: Any = [self.get_variable('context', name) for name in _KEPT]
      keys, ids, real = kept
      return keys[:, 0], ids[:, 0, 0], real[:, 0, 0]
    if source is None:
      raise ValueError('a Pointer needs a source to copy from')
    x, real = source.tokens
    x, ids = where_real(x, real), where_real(source.ids, real)
    before = jnp.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    keys = nn.Dense(self.width, name='key')(x)
    keys = keys + nn.Dense(self.width, use_bias=False, name='before')(before)
    if keep:
      # The batch is the fourth axis from the end (`mmjax/layers/cache.py`).
      new = keys[:, None], ids[:, None, None], real[:, None, None]
      for name, value in zip(_KEPT, new, strict=True):
        self.variable('context', name, lambda value=value: value)
    return keys, ids, real


def _mixture(
  own: Float[Array, 'b t 1'],
  logits: Float[Array, 'b t v'],
  share: Float[Array, 'b t n'],
  ids: Int[Array, 'b n'],
) -> Float[Array, 'b t v']:
  """`log(own softmax(logits) + copied)`; where nothing is copied no sum is
  taken, so that small probabilities do not vanish."""
  rows = jnp.arange(len(ids))[:, None]
  shape = (len(ids), logits.shape[-1], logits.shape[1])
  copied = (
    jnp.zeros(shape, share.dtype)
    .at[rows, ids]
    .add(rearrange(share, 'b t n -> b n t'), mode='drop')
  )
  copied = rearrange(copied, 'b v t -> b t v')
  log_p = jnp.log(own) + jax.nn.log_softmax(full_precision(logits))
  some = copied > 0
  both = jnp.where(some, jnp.exp(log_p) + copied, 1.0)
  return jnp.where(some, jnp.log(both), log_p)
