"""Attentional feature fusion: two feature maps, weighted by what they hold."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mmjax.layers.norms import BatchNorm


class AttentionalFusion(nn.Module):
  """Weighs two maps for each place and channel, by that place and by all.

  Attentional Feature Fusion, section 3 (https://arxiv.org/abs/2009.14082).
  """

  reduction: int = 4
  """So many times fewer channels between the two layers of each branch."""
  norm: nn.Module = BatchNorm()
  """Behind each layer: BatchNorm or GroupNorm."""

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b h w d'],
    other: Float[Array, 'b h w d'],
    mask: Bool[Array, ' b'],
    *,
    train: bool = False,
  ) -> Float[Array, 'b h w d']:
    """Computes `2 (x a + other (1 - a))`.

    `a` is the logistic function of what an MLP says of the sum at each place,
    plus what another one says of its mean over all places.

    Args:
      x: one map.
      other: the other one.
      mask: True for examples that count in the norms.
      train: whether norms take this batch's statistics.
    """
    both = x + other
    mean = both.mean(axis=(1, 2), keepdims=True)
    local = self._branch('local', both, mask, train)
    score = local + self._branch('global', mean, mask, train)
    a = jax.nn.sigmoid(score)
    return 2 * (x * a + other * (1 - a))

  def _branch(self, name: str, x: Array, mask: Array, train: bool) -> Array:
    d = x.shape[-1]
    rows = jnp.broadcast_to(mask[:, None], x.shape[:2])

    def layer(x, width, i):
      x = nn.Dense(width, name=f'{name}_{i}')(x)
      return self.norm.copy(name=f'{name}_norm_{i}')(x, rows, train=train)

    x = layer(x, d // self.reduction, 0)
    return layer(jax.nn.relu(x), d, 1)
