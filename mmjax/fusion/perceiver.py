"""Fusion by a few latents that read the tokens of all modalities."""

from collections.abc import Mapping

import flax.linen as nn

from mmjax.fusion.project import join, own_tokens, seen, streams
from mmjax.layers.attention import require_divisible
from mmjax.layers.transformer import Block
from mmjax.types import Tokens


class Perceiver(nn.Module):
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

  modalities: tuple[str, ...]
  """Which modalities are read."""
  latents: int = 8
  """Tokens of the result."""
  width: int = 256
  """Width that each modality is projected to, and of the latents."""
  depth: int = 2
  """Rounds of reading and exchanging."""
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
    """Fuses to the latents, all of them real."""
    parts = streams(self, self.modalities, tokens, self.width)
    context = join(*parts.values())
    latents = own_tokens(self, context.x, self.latents)
    x = latents.x
    for i in range(self.depth):
      x = self._block(f'read_{i}')(
        x, context.x, mask=seen(context.mask), train=train
      )
      x = self._block(f'block_{i}')(x, train=train)
    return Tokens(nn.LayerNorm(name='norm')(x), latents.mask)

  def _block(self, name: str) -> Block:
    return Block(
      heads=self.heads,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      name=name,
    )
