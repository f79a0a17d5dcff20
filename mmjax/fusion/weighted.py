"""Fusion by a weighted mean of one vector of each modality."""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.fusion.project import one_token, vectors
from mmjax.masking import masked_softmax
from mmjax.types import Tokens


class FixedWeights(nn.Module):
  """Weights that are given; those of absent modalities go to the others."""

  alpha: tuple[float, ...]
  """The weight of each modality, positive; they need not sum to one."""

  def __post_init__(self):
    """Checks the weights."""
    if not self.alpha or min(self.alpha) <= 0:
      raise ValueError(f'alpha {self.alpha} has a weight that is not positive')
    super().__post_init__()

  def __call__(self, x: Float[Array, 'b m d']) -> Float[Array, '1 m']:
    """The logarithms of the weights.

    Raises:
      ValueError: there are more or fewer modalities than weights.
    """
    if x.shape[1] != len(self.alpha):
      raise ValueError(
        f'alpha has {len(self.alpha)} weights for {x.shape[1]} modalities'
      )
    return jnp.log(jnp.asarray(self.alpha, x.dtype))[None]


class LearnedWeights(nn.Module):
  """A learned weight for each modality, the same in all examples."""

  @nn.compact
  def __call__(self, x: Float[Array, 'b m d']) -> Float[Array, '1 m']:
    """The weights before the softmax."""
    logits = self.param('logits', nn.initializers.zeros, (1, x.shape[1]))
    return logits.astype(x.dtype)


class GatedWeights(nn.Module):
  """A weight for each modality of each example, told by its own vector.

  After the Gated Multimodal Unit (https://arxiv.org/abs/1702.01992), for any
  number of modalities: its sigmoid becomes a softmax.
  """

  @nn.compact
  def __call__(self, x: Float[Array, 'b m d']) -> Float[Array, 'b m']:
    """Computes `v_m . x_m + c_m`, the weights before the softmax."""
    _, m, d = x.shape
    kernel = self.param('kernel', nn.initializers.normal(d**-0.5), (m, d))
    bias = self.param('bias', nn.initializers.zeros, (1, m))
    logits = jnp.einsum('bmd,md->bm', x, kernel.astype(x.dtype))
    return logits + bias.astype(x.dtype)


class Weighted(nn.Module):
  """The weighted mean of the modalities that are present.

  Two modalities give `alpha F1 + (1 - alpha) F2`. The weights are a softmax
  over the modalities that an example has, so they sum to one in every example.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from mmjax.layers.pooling import MeanPool
    >>> tokens = Tokens(jnp.zeros((2, 5, 16)), jnp.ones((2, 5), bool))
    >>> fusion = Weighted(
    ...     pools={'image': MeanPool(), 'audio': MeanPool()},
    ...     weights=FixedWeights(alpha=(0.7, 0.3)))
    >>> fused, params = fusion.init_with_output(
    ...     jax.random.key(0), {'image': tokens, 'audio': tokens})
    >>> fused.x.shape
    (2, 1, 256)
  """

  pools: Mapping[str, nn.Module]
  """How each modality becomes one vector; names the modalities."""
  weights: nn.Module = LearnedWeights()
  """FixedWeights, LearnedWeights or GatedWeights."""
  width: int = 256
  """Width that each modality is projected to, and of the result."""

  def __post_init__(self):
    """Checks that there is a fixed weight for each modality."""
    alpha = getattr(self.weights, 'alpha', None)
    if alpha is not None and len(alpha) != len(self.pools):
      raise ValueError(
        f'alpha has {len(alpha)} weights for {len(self.pools)} modalities'
      )
    super().__post_init__()

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to one token, always real; zeros where nothing is present."""
    del train
    x, mask = vectors(self.pools, tokens, self.width)
    logits = jnp.broadcast_to(self.weights(x), mask.shape)
    weights = masked_softmax(logits, mask)
    return one_token(jnp.einsum('bm,bmd->bd', weights, x))
