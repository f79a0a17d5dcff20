"""Bag of vectors: a text as the mean of its words' vectors."""

import flax.linen as nn
from jaxtyping import Array, Bool, Int

from mmjax.layers.words import WordEmbedding
from mmjax.masking import masked_mean, where_real
from mmjax.types import Tokens


class BagOfVectors(nn.Module):
  """The mean of the vectors of a text's real words, as one token.

  Without order, nearly without cost, and hard to beat where there are few
  texts. Deep Unordered Composition (https://aclanthology.org/P15-1162) without
  its dense layers, which are the head's business.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> text, mask = jnp.array([[5, 70, 0]]), jnp.array([[True, True, False]])
    >>> encoder = BagOfVectors(embed=WordEmbedding(words=1_000))
    >>> tokens, params = encoder.init_with_output(jax.random.key(0), text, mask)
    >>> tokens.x.shape
    (1, 1, 300)
  """

  width: int = 300
  """Features of each vector."""
  embed: nn.Module = WordEmbedding()
  """`(text, width) -> [b t d]`: WordEmbedding, ByteEmbedding or
  NgramEmbedding."""
  dropout: float = 0.0
  """Probability of leaving a word out of the mean in training."""

  @nn.compact
  def __call__(
    self,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    *,
    train: bool = False,
  ) -> Tokens:
    """Averages over words.

    Args:
      text: ids, any value where masked.
      mask: True where an id is real.
      train: whether dropout is on.

    Returns:
      One token; zero and not real where no word is.
    """
    x = self.embed(where_real(text, mask), self.width)
    # One draw for each word, not one for each feature.
    drop = nn.Dropout(
      self.dropout, broadcast_dims=(2,), deterministic=not train
    )
    mean = masked_mean(drop(x), mask)
    return Tokens(mean[:, None], mask.any(axis=1, keepdims=True))
