"""Fusion in which each modality asks all the others."""

from collections.abc import Mapping

import flax.linen as nn

from mmjax.fusion.project import join, own_tokens, seen, streams
from mmjax.layers.attention import require_divisible
from mmjax.layers.transformer import Block
from mmjax.types import Tokens


class CrossAttention(nn.Module):
  """Blocks in which the tokens of a modality attend to those of the others.

  One learned token belongs to the fusion itself. It is real in every example,
  asks every modality, and every modality can ask it.

  The pairwise crossmodal attention of MulT
  (https://arxiv.org/abs/1906.00295), with all other modalities as one context.
  """

  modalities: tuple[str, ...]
  """Which modalities take part."""
  width: int = 256
  """Width that each modality is projected to, and of the result."""
  depth: int = 2
  """Rounds of asking."""
  heads: int = 4
  """Attention heads; they divide the width."""
  mlp_ratio: float = 2.0
  """Hidden width of the MLP, over the width."""
  dropout: float = 0.0
  """Probability of zeroing a unit in training."""

  def __post_init__(self):
    """Checks that the heads divide the width."""
    require_divisible(self.width, self.heads)
    super().__post_init__()

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to the fusion's token, first, and then all modalities' tokens."""
    parts = streams(self, self.modalities, tokens, self.width)
    parts = {'fusion': own_tokens(self, next(iter(parts.values())).x), **parts}
    for i in range(self.depth):
      asked = {}
      for name, part in parts.items():
        context = join(*(parts[other] for other in parts if other != name))
        x = self._block(f'{name}_block_{i}')(
          part.x, context.x, mask=seen(context.mask), train=train
        )
        asked[name] = Tokens(x, part.mask)
      parts = asked
    whole = join(*parts.values())
    return Tokens(nn.LayerNorm(name='norm')(whole.x), whole.mask)

  def _block(self, name: str) -> Block:
    return Block(
      heads=self.heads,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      name=name,
    )
