"""Fusion by one Transformer over the tokens of all modalities."""

from collections.abc import Mapping

import flax.linen as nn

from mmjax.fusion.attention import AttentionFusion
from mmjax.fusion.project import join, own_tokens, streams
from mmjax.layers.transformer import Remat, Transformer
from mmjax.types import Tokens


class SingleStream(AttentionFusion):
  """All tokens in one sequence, each with its modality's embedding.

  One learned token of the fusion's own stands first. Single-stream fusion as in
  UNITER (https://arxiv.org/abs/1909.11740) and ViLT
  (https://arxiv.org/abs/2102.03334).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> tokens = Tokens(jnp.zeros((2, 5, 16)), jnp.ones((2, 5), bool))
    >>> fusion = SingleStream(modalities=('image', 'audio'), width=32)
    >>> fused, params = fusion.init_with_output(
    ...     jax.random.key(0), {'image': tokens, 'audio': tokens})
    >>> fused.x.shape
    (2, 11, 32)
  """

  scan: bool = False
  """Whether one compiled block loops over stacked parameters."""
  remat: Remat = 'none'
  """What the backward pass computes again: nothing, all but the projections of
  each block, or the full block."""

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to the fusion's token, first, and then all modalities' tokens."""
    parts = streams(self, self.modalities, tokens, self.width)
    some = next(iter(parts.values())).x
    whole = join(own_tokens(self, some), *parts.values())
    return Transformer(
      depth=self.depth,
      heads=self.heads,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      scan=self.scan,
      remat=self.remat,
      name='transformer',
    )(whole, train=train)
