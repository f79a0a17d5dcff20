"""BERT's embeddings: word, position and segment, summed and normalised."""

import math

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from mmjax.layers.embed import ByteEmbedding, LearnedPositions


class BertEmbedding(nn.Module):
  """Sums the vectors of word, position and segment, and normalises the sum.

  For `TextTransformer(embed=BertEmbedding(...), positions=NoPositions())`,
  whose dropout then follows, as in BERT. A token's segment is the number of
  separators before it: the first text and its separator are segment 0.

  BERT, figure 2 (https://arxiv.org/abs/1810.04805).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> text = jnp.array([[101, 7592, 102, 2088, 102]])
    >>> embed = BertEmbedding(separator=102)
    >>> embed.segments_of(text).tolist()
    [[0, 0, 0, 1, 1]]
  """

  embed: nn.Module = ByteEmbedding(vocabulary=30_522)
  """`(text, width) -> [b t d]`: the words."""
  positions: nn.Module = LearnedPositions(length=512)
  """`(grid, width) -> [t d]`: LearnedPositions or SinCosPositions."""
  segments: int = 2
  """Number of segments; the last has all that follows. 0 for no such vectors,
  as in DistilBERT (https://arxiv.org/abs/1910.01108)."""
  separator: int | None = None
  """Token id that closes a segment; None for one segment."""
  epsilon: float = 1e-12
  """Added to the variance."""

  def segments_of(self, text: Int[Array, 'b t']) -> Int[Array, 'b t']:
    """The segment of each token."""
    if self.separator is None:
      return jnp.zeros_like(text)
    closed = (text == self.separator).astype(text.dtype)
    return jnp.minimum(jnp.cumsum(closed, axis=1) - closed, self.segments - 1)

  @nn.compact
  def __call__(
    self, text: Int[Array, 'b t'], width: int
  ) -> Float[Array, 'b t d']:
    """Computes `norm(word + position + segment)`."""
    x = self.embed(text, width)
    x = x + self.positions((text.shape[1],), width).astype(x.dtype)[None]
    if self.segments:
      init = nn.initializers.normal(0.02)
      table = self.param('segment_table', init, (self.segments, width))
      x = x + jnp.take(table, self.segments_of(text), axis=0)
    return nn.LayerNorm(epsilon=self.epsilon, name='norm')(x)


class NoPositions(nn.Module):
  """Zeros: for an embedding that has positions in it, or for none at all."""

  def __call__(self, grid: tuple[int, ...], width: int) -> Float[Array, 'n d']:
    """A row of zeros for each place of the grid."""
    return jnp.zeros((math.prod(grid), width))
