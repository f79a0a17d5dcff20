"""Fusion in space: one modality's places, changed by what the others say."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.fusion.project import join, own_tokens, project, vectors
from mmjax.layers.transformer import Mlp
from mmjax.masking import masked_mean
from mmjax.types import Tokens


class Modulate(nn.Module):
  """Feature-wise linear modulation: scales and shifts each feature.

  FiLM (https://arxiv.org/abs/1709.07871).
  """

  @nn.compact
  def __call__(
    self, x: Float[Array, 'b n d'], given: Float[Array, 'b d']
  ) -> Float[Array, 'b n d']:
    """Computes `(1 + gamma(given)) x + beta(given)`."""
    gamma = nn.Dense(x.shape[-1], name='gamma')(given)[:, None]
    beta = nn.Dense(x.shape[-1], name='beta')(given)[:, None]
    return (1 + gamma) * x + beta


class Gate(nn.Module):
  """Feature-map gating: each feature of each place passes as far as it fits.

  The additive gates of Attention U-Net (https://arxiv.org/abs/1804.03999), one
  for each feature.
  """

  @nn.compact
  def __call__(
    self, x: Float[Array, 'b n d'], given: Float[Array, 'b d']
  ) -> Float[Array, 'b n d']:
    """Computes `sigmoid(dense(x) + dense(given)) x`."""
    there = nn.Dense(x.shape[-1], name='place')(x)
    asked = nn.Dense(x.shape[-1], use_bias=False, name='given')(given)
    return jax.nn.sigmoid(there + asked[:, None]) * x


class Spatial(nn.Module):
  """The places of one modality, modulated or gated by the other modalities.

  A learned place of the fusion's own is changed like the others, so that where
  `target` is absent the others are still heard.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from mmjax.layers.pooling import MeanPool
    >>> tokens = Tokens(jnp.zeros((2, 5, 16)), jnp.ones((2, 5), bool))
    >>> fusion = Spatial(target='image', given={'text': MeanPool()}, width=32)
    >>> fused, params = fusion.init_with_output(
    ...     jax.random.key(0), {'image': tokens, 'text': tokens})
    >>> fused.x.shape
    (2, 7, 32)
  """

  target: str
  """The modality that has places."""
  given: Mapping[str, nn.Module]
  """How each of the other modalities becomes one vector."""
  change: nn.Module = Modulate()
  """`(x [b n d], given [b d]) -> [b n d]`: Modulate or Gate."""
  width: int = 256
  """Width that each modality is projected to, and of the result."""
  mlp_ratio: float = 2.0
  """Hidden width of the MLP on each place, over the width."""
  dropout: float = 0.0
  """Probability of zeroing a hidden unit in training."""

  def __post_init__(self):
    """Checks that the target is not changed by itself."""
    if self.target in self.given:
      raise ValueError(f'target {self.target!r} is among what is given')
    super().__post_init__()

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to the mean over all places, first, and then the places."""
    x, mask = tokens[self.target]
    x = project(self.target, x, self.width)
    own = own_tokens(self, x)
    # An absent modality adds nothing.
    given = vectors(self.given, tokens, self.width).x.sum(axis=1)
    x, mask = join(own, Tokens(x, mask))
    x = self.change(x, given)
    hidden = int(self.width * self.mlp_ratio)
    x = x + Mlp(hidden, dropout=self.dropout, name='mlp')(x, train=train)
    mean = masked_mean(x, mask)[:, None]
    return join(Tokens(mean, jnp.ones_like(own.mask)), Tokens(x, mask))
