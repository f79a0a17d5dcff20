"""Text decoder: token ids that follow from others and from a context."""

from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mmjax.layers.attention import require_divisible
from mmjax.layers.cache import Slots, rows_at
from mmjax.layers.cross import CrossTransformer
from mmjax.layers.embed import ByteEmbedding, LearnedPositions, require_alone
from mmjax.layers.style import Style
from mmjax.layers.transformer import Remat, Transformer
from mmjax.masking import full_precision, where_real
from mmjax.types import Tokens


class TextDecoder(nn.Module):
  """Causal Transformer over token ids that listens to other tokens.

  It hears them by cross-attention in each block, as in Attention Is All You
  Need (https://arxiv.org/abs/1706.03762), or has them as a prefix, as in Frozen
  (https://arxiv.org/abs/2106.13884). An example without any context, or with
  padding anywhere, gives what its real tokens alone would.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> text, mask = jnp.array([[1, 70, 2, 0]]), jnp.array([[1, 1, 1, 0]]) > 0
    >>> context = Tokens(jnp.ones((1, 5, 16)), jnp.ones((1, 5), bool))
    >>> decoder = TextDecoder(width=64, depth=2, heads=2)
    >>> tokens, params = decoder.init_with_output(
    ...     jax.random.key(0), text, mask, context)
    >>> tokens.x.shape
    (1, 4, 64)
  """

  width: int = 256
  """Features of each token."""
  depth: int = 4
  """Transformer blocks."""
  heads: int = 4
  """Attention heads; they divide the width, or the style has a head width."""
  mlp_ratio: float = 4.0
  """Hidden width of the MLP, over the width."""
  dropout: float = 0.0
  """Probability of zeroing a unit in training."""
  style: Style = Style()
  """Norms, nonlinearity, biases, rotary positions and groups of queries."""
  listen: Literal['cross', 'prefix'] = 'cross'
  """Whether each block attends to the context, or the context, projected to the
  width, stands before the text."""
  embed: nn.Module = ByteEmbedding()
  """`(text, width) -> [b t d]`, one id at a time: ByteEmbedding."""
  positions: nn.Module = LearnedPositions(length=256)
  """`(grid, width) -> [n d]`: LearnedPositions or SinCosPositions; NoPositions
  for a style with `rotary`. Real tokens are counted, those of a prefix too."""
  head: nn.Module | None = None
  """`[b t d] -> [b t vocabulary]`, or None to share the embedding's vectors
  (https://arxiv.org/abs/1608.05859)."""
  scan: bool = False
  """Whether one compiled block loops over stacked parameters: compile time does
  not grow with depth."""
  remat: Remat = 'none'
  """What the backward pass computes again, to save memory: nothing, all but the
  projections of each block, or the full block."""

  def __post_init__(self):
    """Checks that the heads divide the width."""
    if self.style.head_width is None:
      require_divisible(self.width, self.heads)
    super().__post_init__()

  @nn.compact
  def __call__(
    self,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    context: Tokens | None = None,
    *,
    slots: Slots | None = None,
    train: bool = False,
  ) -> Tokens:
    """Decodes token ids, each from those before it and the context.

    Args:
      text: ids, any value where masked.
      mask: True where an id is real.
      context: what is listened to; not needed with `slots` in all calls but
        the first.
      slots: where the ids stand in the cache of those before them, if they are
        not all.
      train: whether dropout is on.

    Returns:
      A token for each id, from which `scores` tells what comes next.

    Raises:
      ValueError: there is no context and none was given before, or what an id
        becomes depends on others.
    """
    require_alone(self.embed)
    x = self.embed(where_real(text, mask), self.width)
    before = 0
    if self.listen == 'prefix':
      x, mask, slots = self._with_prefix(x, mask, context, slots)
      before = x.shape[1] - text.shape[1]
    count = x.shape[1]
    all_slots = Slots(0, mask) if slots is None else slots
    places = all_slots.places(count)
    table = self.positions((all_slots.mask.shape[1],), self.width)
    x = x + rows_at(table, places).astype(x.dtype)
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    tokens, given = Tokens(x, mask), {'slots': slots, 'train': train}
    fields = {
      'depth': self.depth,
      'heads': self.heads,
      'mlp_ratio': self.mlp_ratio,
      'dropout': self.dropout,
      'style': self.style,
      'scan': self.scan,
      'remat': self.remat,
      'name': 'transformer',
    }
    if self.listen == 'cross':
      transformer = CrossTransformer(**fields)
      x, mask = transformer(tokens, context, places=places, **given)
    else:
      transformer = Transformer(causal=True, **fields)
      x, mask = transformer(tokens, places=places, **given)
    return Tokens(x[:, before:], mask[:, before:])

  def scores(self, x: Float[Array, 'b t d']) -> Float[Array, 'b t vocabulary']:
    """Logits of the token behind each, in full precision."""
    if self.head is not None:
      return full_precision(self.head(x))
    embed: Any = self.embed
    return full_precision(embed.scores(x))

  def _with_prefix(
    self,
    x: Float[Array, 'b t d'],
    mask: Bool[Array, 'b t'],
    context: Tokens | None,
    slots: Slots | None,
  ) -> tuple[Array, Array, Slots | None]:
    """The tokens, their mask and slots with those of the prefix before them.

    In calls behind the first only the slots move.
    """
    if slots is not None and self.has_variable('context', 'prefix_mask'):
      found: Any = self.get_variable('context', 'prefix_mask')
      return x, mask, _behind(found[:, 0, 0], slots)
    if context is None:
      raise ValueError('a TextDecoder needs a context to have as prefix')
    project = nn.Dense(self.width, name='prefix')
    prefix = project(where_real(*context)).astype(x.dtype)
    x = jnp.concatenate([prefix, x], axis=1)
    mask = jnp.concatenate([context.mask, mask], axis=1)
    if slots is not None:
      kept = context.mask[:, None, None, :]
      self.variable('context', 'prefix_mask', lambda: kept)
      whole = _behind(context.mask, slots)
      slots = Slots(0, whole.mask)
    return x, mask, slots


def _behind(prefix: Bool[Array, 'b p'], slots: Slots) -> Slots:
  """The slots with those of a prefix before them."""
  mask = jnp.concatenate([prefix, slots.mask], axis=1)
  return Slots(prefix.shape[1] + slots.first, mask)
