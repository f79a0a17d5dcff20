"""Fusion through a few tokens that all modalities share."""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp

from mmjax.fusion.attention import AttentionFusion
from mmjax.fusion.project import join, own_tokens, seen, streams
from mmjax.masking import masked_mean, present
from mmjax.types import Tokens


class Bottleneck(AttentionFusion):
  """Each modality's Transformer sees itself and the bottleneck's tokens.

  In every round each modality that is present writes its own version of the
  bottleneck, and the next one starts from their mean; where none is present it
  stays as it is. Attention Bottlenecks for Multimodal Fusion
  (https://arxiv.org/abs/2107.00135), with masks.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> tokens = Tokens(jnp.zeros((2, 5, 16)), jnp.ones((2, 5), bool))
    >>> fusion = Bottleneck(modalities=('image', 'audio'), width=32, depth=1)
    >>> fused, params = fusion.init_with_output(
    ...     jax.random.key(0), {'image': tokens, 'audio': tokens})
    >>> fused.x.shape
    (2, 14, 32)
  """

  bottlenecks: int = 4
  """Tokens that they share."""

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to the bottleneck, first, and then all modalities' tokens."""
    parts = streams(self, self.modalities, tokens, self.width)
    some = next(iter(parts.values())).x
    shared = own_tokens(self, some, self.bottlenecks)
    here = jnp.stack([present(x.mask) for x in parts.values()], axis=1)
    for i in range(self.depth):
      written = []
      for name, part in parts.items():
        x, mask = join(shared, part)
        x = self.block(f'{name}_block_{i}')(x, mask=seen(mask), train=train)
        written.append(x[:, : self.bottlenecks])
        parts[name] = Tokens(x[:, self.bottlenecks :], part.mask)
      versions = jnp.stack(written, axis=1)
      b, m = here.shape
      mean = masked_mean(versions.reshape(b, m, -1), here)
      mean = mean.reshape(shared.x.shape)
      x = jnp.where(here.any(axis=1)[:, None, None], mean, shared.x)
      shared = Tokens(x, shared.mask)
    whole = join(shared, *parts.values())
    return Tokens(nn.LayerNorm(name='norm')(whole.x), whole.mask)
