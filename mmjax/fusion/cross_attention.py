"""Fusion in which each modality asks all the others."""

from collections.abc import Mapping

import flax.linen as nn

from mmjax.fusion.attention import AttentionFusion
from mmjax.fusion.project import join, own_tokens, seen, streams
from mmjax.types import Tokens


class CrossAttention(AttentionFusion):
  """Blocks in which the tokens of a modality attend to those of the others.

  One learned token belongs to the fusion itself. It is real in every example,
  asks every modality, and every modality can ask it.

  The pairwise crossmodal attention of MulT
  (https://arxiv.org/abs/1906.00295), with all other modalities as one context.
  """

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
        x = self.block(f'{name}_block_{i}')(
          part.x, context.x, mask=seen(context.mask), train=train
        )
        asked[name] = Tokens(x, part.mask)
      parts = asked
    whole = join(*parts.values())
    return Tokens(nn.LayerNorm(name='norm')(whole.x), whole.mask)
