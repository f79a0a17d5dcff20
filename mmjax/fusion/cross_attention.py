"""Fusion in which each modality asks all the others."""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool

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
    init = nn.initializers.normal(0.02)
    streams = {}
    for name in self.modalities:
      x = nn.LayerNorm(name=f'{name}_norm')(tokens[name].x)
      x = nn.Dense(self.width, name=f'{name}_projection')(x)
      kind = self.param(f'{name}_embedding', init, (1, 1, self.width))
      streams[name] = x + kind.astype(x.dtype)
    masks = {name: tokens[name].mask for name in self.modalities}
    some = streams[self.modalities[0]]
    own = self.param('token', init, (1, 1, self.width)).astype(some.dtype)
    streams['fusion'] = jnp.broadcast_to(own, (len(some), 1, self.width))
    masks['fusion'] = jnp.ones((len(some), 1), bool)

    for i in range(self.depth):
      asked = {}
      for name, x in streams.items():
        others = [other for other in streams if other != name]
        context = jnp.concatenate([streams[o] for o in others], axis=1)
        asked[name] = self._block(f'{name}_block_{i}')(
          x, context, mask=_keys(masks, others), train=train
        )
      streams = asked
    order = ('fusion', *self.modalities)
    x = jnp.concatenate([streams[name] for name in order], axis=1)
    mask = jnp.concatenate([masks[name] for name in order], axis=1)
    return Tokens(nn.LayerNorm(name='norm')(x), mask)

  def _block(self, name: str) -> Block:
    return Block(
      heads=self.heads,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      name=name,
    )


def _keys(
  masks: Mapping[str, Array], others: list[str]
) -> Bool[Array, 'b 1 1 m']:
  mask = jnp.concatenate([masks[other] for other in others], axis=1)
  return mask[:, None, None, :]
