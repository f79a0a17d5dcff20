"""Which tokens of a text stand in its question, too."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mmjax.layers.embed import ByteEmbedding, hash_ngrams
from mmjax.masking import where_real


class MatchEmbedding(nn.Module):
  """Token vectors, plus one where a token stands in the question, too.

  The question is all up to the first `end`, what is read stands behind it. To
  find out by attention alone which of many names was asked for takes long to
  learn; that a word occurs in the question says it at once. The exact match of
  Reading Wikipedia to Answer Open-Domain Questions, section 3.2
  (https://arxiv.org/abs/1704.00051), for pieces of words and for n-grams of
  them, so that longer names match as a whole.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> text = jnp.array([[1, 7, 9, 2, 5, 7, 9, 2]])
    >>> embed = MatchEmbedding(embed=ByteEmbedding(vocabulary=10), end=2)
    >>> x, params = embed.init_with_output(jax.random.key(0), text, 4)
    >>> x.shape
    (1, 8, 4)
  """

  embed: nn.Module = ByteEmbedding()
  """`(text, width) -> [b t d]`: the vectors of tokens alone."""
  end: int = 2
  """Token id that ends the question; without one nothing matches."""
  orders: tuple[int, ...] = (1, 2, 3)
  """Lengths of the n-grams; each has a vector of its own."""

  @nn.compact
  def __call__(
    self, text: Int[Array, 'b t'], width: int
  ) -> Float[Array, 'b t d']:
    """Adds the vectors of all lengths that match."""
    embed: Any = self.embed
    x = embed(text, width)
    init = nn.initializers.normal(0.02)
    match = self.param('match', init, (len(self.orders), width))
    for row, n in zip(match, self.orders, strict=True):
      x = x + where_real(
        jnp.broadcast_to(row[None, None], x.shape).astype(x.dtype),
        self.matches(text, n),
      )
    return x

  def matches(self, text: Int[Array, 'b t'], n: int) -> Bool[Array, 'b t']:
    """Which tokens behind the question end an n-gram that it has, too."""
    is_end = text == self.end
    ends = jnp.cumsum(is_end, axis=1)
    asked = (ends == 0) & ends.astype(bool).any(axis=1, keepdims=True)
    grams = hash_ngrams(text, n)
    same = (grams[:, :, None] == grams[:, None]) & asked[:, None]
    # None reaches across the border: an `end` is in no n-gram of the question.
    return same.any(axis=2) & (ends > 0) & ~is_end
