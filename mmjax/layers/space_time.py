"""Attention that looks along space, then along time."""

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.layers.transformer import Block, Transformer


class SpaceTimeBlock(Block):
  """Attention within each moment, then along each place, then an MLP.

  Each stands behind a norm and beside a residual path. The cost grows with
  `moments² + places²` instead of `(moments * places)²`. Model 3 of ViViT
  (https://arxiv.org/abs/2103.15691).
  """

  moments: int = 1
  """How many moments the tokens are of; all places of the first come first."""

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b n d'],
    context: None = None,
    *,
    mask: Bool[Array, 'b 1 1 n'] | None = None,
    places: None = None,
    slots: None = None,
    train: bool = False,
  ) -> Float[Array, 'b n d']:
    """Runs the block.

    Args:
      x: tokens.
      context: of no meaning here.
      mask: True where a token is real.
      places: of no meaning here.
      slots: of no meaning here.
      train: whether dropout is on.
    """
    del context, places, slots
    b, n, _ = x.shape
    real = jnp.ones((b, n), bool) if mask is None else mask[:, 0, 0]
    sizes = {'b': b, 'f': self.moments}
    for name, split, join in (
      ('space', 'b (f s) ... -> (b f) s ...', '(b f) s d -> b (f s) d'),
      ('time', 'b (f s) ... -> (b s) f ...', '(b s) f d -> b (f s) d'),
    ):
      seen = rearrange(real, split, f=self.moments)[:, None, None]
      attention = self.attention(name)

      def look(y, split=split, join=join, seen=seen, attention=attention):
        y = rearrange(y, split, f=self.moments)
        return rearrange(attention(y, mask=seen), join, **sizes)

      x = self.beside(name, x, look, train=train)
    mlp = self.mlp(x.shape[-1])
    return self.beside('mlp', x, lambda y: mlp(y, train=train), train=train)


class SpaceTimeTransformer(Transformer):
  """A stack of blocks that look along space, then along time."""

  moments: int = 1
  """How many moments the tokens are of; all places of the first come first."""

  def _block(self, name: str) -> SpaceTimeBlock:
    return SpaceTimeBlock(
      heads=self.heads,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      style=self.style,
      moments=self.moments,
      name=name,
    )
