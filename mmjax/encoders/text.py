"""Text Transformer: token ids to a token each, causal or bidirectional."""

from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mmjax.encoders.sequence import SequenceEncoder
from mmjax.layers.cache import Slots, rows_at
from mmjax.layers.embed import (
  ByteEmbedding,
  LearnedPositions,
  require_alone,
)
from mmjax.masking import where_real
from mmjax.types import Tokens


class TextTransformer(SequenceEncoder):
  """Transformer over text tokens.

  Pool with `FirstToken`, `LastToken` (the end-of-text token, where the
  tokenizer closes each text with one), `MeanPool` or `AttentionPool`.

  The text tower of CLIP (https://arxiv.org/abs/2103.00020) when causal, of
  SigLIP (https://arxiv.org/abs/2303.15343) when not.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> text, mask = jnp.array([[1, 70, 2, 0]]), jnp.array([[1, 1, 1, 0]]) > 0
    >>> encoder = TextTransformer(width=64, depth=2, heads=2)
    >>> tokens, params = encoder.init_with_output(jax.random.key(0), text, mask)
    >>> tokens.x.shape
    (1, 4, 64)
  """

  depth: int = 6
  """Transformer blocks."""
  causal: bool = False
  """Whether a token sees only itself and those before it."""
  end_of_text: int | Literal['largest'] | None = None
  """Token id; what follows the first one in a text counts as padding. `largest`
  is the largest id of each text, where OpenAI's CLIP finds it."""
  embed: nn.Module = ByteEmbedding()
  """`(text, width) -> [b t d]`: ByteEmbedding, NgramEmbedding, WordEmbedding or
  BertEmbedding."""
  positions: nn.Module = LearnedPositions()
  """`(grid, width) -> [t d]`: LearnedPositions, SinCosPositions or NoPositions
  (BertEmbedding and a style with `rotary` have their own)."""

  @nn.compact
  def __call__(
    self,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    *,
    placed: Tokens | None = None,
    slots: Slots | None = None,
    train: bool = False,
  ) -> Tokens:
    """Encodes token ids.

    Args:
      text: ids, any value where masked.
      mask: True where an id is real.
      placed: vectors `[b t d]` that stand, where their mask is True, in the
        place of the id's own.
      slots: where the ids stand in the cache of those before them, if they are
        not all; places are counted from the first real one then.
      train: whether dropout is on.

    Returns:
      A token for each id.

    Raises:
      ValueError: there are slots, and what an id becomes depends on others.
    """
    text = where_real(text, mask)
    if self.end_of_text is not None:
      last: Any = self.end_of_text
      if last == 'largest':
        last = jnp.max(text, axis=1, keepdims=True)
      ends = (text == last) & mask
      mask = mask & (jnp.cumsum(ends, axis=1) - ends == 0)
      text = where_real(text, mask)
    x = self.embed(text, self.width)
    if placed is not None:
      own = where_real(x, ~placed.mask)
      x = own + where_real(*placed).astype(x.dtype)
    places = None
    if slots is None:
      here = self.positions((text.shape[1],), self.width)[None]
    else:
      require_alone(self.embed)
      places = slots.places(text.shape[1])
      whole = self.positions((slots.mask.shape[1],), self.width)
      here = rows_at(whole, places)
    x = x + here.astype(x.dtype)
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    return self.transform(
      Tokens(x, mask),
      causal=self.causal,
      places=places,
      slots=slots,
      train=train,
    )

  def scores(self, x: Float[Array, 'b t d']) -> Float[Array, 'b t vocabulary']:
    """Products with the vectors of the embedding, once that has run."""
    embed: Any = self.embed
    return embed.scores(x)
