"""Fusion by a few latents that read the tokens of all modalities."""

from collections.abc import Mapping

import flax.linen as nn

from mmjax.fusion.attention import AttentionFusion
from mmjax.fusion.project import join, own_tokens, seen, streams
from mmjax.types import Tokens


class Perceiver(AttentionFusion):
  """Learned latents attend to all real tokens, then to each other.

  The cost grows with the number of tokens times the number of latents. Where
  nothing is present the latents read nothing. Perceiver
  (https://arxiv.org/abs/2103.03206), and the resampler of Flamingo
  (https://arxiv.org/abs/2204.14198).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> tokens = Tokens(jnp.zeros((2, 5, 16)), jnp.ones((2, 5), bool))
    >>> fusion = Perceiver(modalities=('image', 'audio'), width=32, latents=3)
    >>> fused, params = fusion.init_with_output(
    ...     jax.random.key(0), {'image': tokens, 'audio': tokens})
    >>> fused.x.shape
    (2, 3, 32)
  """

  latents: int = 8
  """Tokens of the result."""

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to the latents, all of them real."""
    parts = streams(self, self.modalities, tokens, self.width)
    context = join(*parts.values())
    latents = own_tokens(self, context.x, self.latents)
    x = latents.x
    for i in range(self.depth):
      x = self.block(f'read_{i}')(
        x, context.x, mask=seen(context.mask), train=train
      )
      x = self.block(f'block_{i}')(x, train=train)
    return Tokens(nn.LayerNorm(name='norm')(x), latents.mask)
