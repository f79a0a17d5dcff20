"""Norms of feature maps, over what is real.

A norm is a field of a network, which makes a copy of it for each place where
one is needed: `self.norm.copy(name='norm1')(x, mask, train=train)`.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mmjax.masking import full_precision


class GroupNorm(nn.Module):
  """Normalises groups of channels of each example on its own.

  Group Normalization (https://arxiv.org/abs/1803.08494).
  """

  groups: int = 32
  """Groups; they divide the channels."""
  epsilon: float = 1e-5
  """Added to the variance."""

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b n *places d'],
    mask: Bool[Array, 'b n'],
    *,
    train: bool = False,
  ) -> Float[Array, 'b n *places d']:
    """Computes `scale * (x - mean) / std + bias` over real places.

    Args:
      x: features.
      mask: True where a place of the first axis is real.
      train: of no meaning here.

    Raises:
      ValueError: the groups do not divide the channels.
    """
    del train
    d = x.shape[-1]
    if d % self.groups:
      raise ValueError(f'width {d} is not divisible by groups {self.groups}')
    y = full_precision(x).reshape(
      *x.shape[:2], -1, self.groups, d // self.groups
    )
    real = mask[:, :, None, None, None]
    places = mask.sum(axis=1).reshape(-1, 1, 1, 1, 1)
    count = jnp.maximum(places, 1) * (y.shape[2] * y.shape[4])

    def mean(values):
      total = jnp.where(real, values, 0).sum(axis=(1, 2, 4), keepdims=True)
      return total / count

    y = y - mean(y)
    y = (y * jax.lax.rsqrt(mean(y * y) + self.epsilon)).reshape(x.shape)
    return affine(self, y).astype(x.dtype)


class BatchNorm(nn.Module):
  """Normalises each channel over all real places of all examples.

  Absent examples and padding don't count. What evaluation uses are moving
  averages, in the collection `batch_stats`. A gradient of an example then
  depends on the others: not exact under accumulation, where the averages stay
  as they are. Batch Normalization (https://arxiv.org/abs/1502.03167).
  """

  momentum: float = 0.9
  """Weight of the old moving average at each step."""
  epsilon: float = 1e-5
  """Added to the variance."""
  axis_name: str = 'data'
  """The mapped axis over devices, as the strategy pmap names it. Where there is
  no such axis, under jit, each sees the whole batch anyway."""

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b n *places d'],
    mask: Bool[Array, 'b n'],
    *,
    train: bool = False,
  ) -> Float[Array, 'b n *places d']:
    """Computes `scale * (x - mean) / std + bias`.

    Args:
      x: features.
      mask: True where a place of the first axis is real.
      train: whether mean and std are those of this batch.
    """
    d = x.shape[-1]
    ones, zeros = jnp.ones, jnp.zeros
    mean = self.variable('batch_stats', 'mean', zeros, (d,), jnp.float32)
    var = self.variable('batch_stats', 'var', ones, (d,), jnp.float32)
    y = full_precision(x)
    if not train:
      center, spread = mean.value, var.value
    else:
      center, spread, count = self._statistics(y, mask)
      if not self.is_initializing() and self.is_mutable_collection(
        'batch_stats'
      ):
        # A batch with nothing real changes nothing.
        keep = jnp.where(count > 0, self.momentum, 1.0)
        mean.value = keep * mean.value + (1 - keep) * center
        var.value = keep * var.value + (1 - keep) * spread
    shape = (1,) * (x.ndim - 1) + (d,)
    y = (y - center.reshape(shape)) * jax.lax.rsqrt(
      spread.reshape(shape) + self.epsilon
    )
    return affine(self, y).astype(x.dtype)

  def _statistics(self, x: Array, mask: Array) -> tuple[Array, Array, Array]:
    """Mean, variance and number of the real places, over all devices."""
    x = x.reshape(*x.shape[:2], -1, x.shape[-1])
    real = mask[:, :, None, None]
    count = mask.sum(dtype=x.dtype) * x.shape[2]
    # Sums, not means of means: devices may have unequal numbers of examples.
    count = self._over_devices(count)

    def mean(values):
      total = jnp.where(real, values, 0).sum(axis=(0, 1, 2))
      return self._over_devices(total) / jnp.maximum(count, 1)

    center = mean(x)
    return center, mean((x - center[None, None, None]) ** 2), count

  def _over_devices(self, x: Array) -> Array:
    try:
      jax.lax.axis_size(self.axis_name)
    except NameError:
      return x
    return jax.lax.psum(x, self.axis_name)


def affine(module: nn.Module, x: Float[Array, '*b d']) -> Float[Array, '*b d']:
  """Computes `scale * x + bias` with parameters of the module."""
  shape = (1,) * (x.ndim - 1) + (-1,)
  scale = module.param('scale', nn.initializers.ones, x.shape[-1:])
  bias = module.param('bias', nn.initializers.zeros, x.shape[-1:])
  return x * scale.reshape(shape) + bias.reshape(shape)
