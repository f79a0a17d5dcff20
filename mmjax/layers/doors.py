"""Where raw input enters an encoder: what is masked becomes zero there."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Num

from mmjax.layers.embed import ByteEmbedding
from mmjax.masking import where_real


def follow_kernel(
  *args: Array | None, dtype: Any = None, inexact: bool = True
) -> list[Array | None]:
  """Casts the input of a Flax layer to the dtype of its kernel.

  Pass it as `promote_dtype` to the first `nn.Conv` or `nn.Dense` of an encoder:
  by itself Flax would compute everything behind in the input's float32.
  """
  del dtype, inexact
  kernel = args[1]
  assert kernel is not None
  return [None if x is None else x.astype(kernel.dtype) for x in args]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeriesDoor:
  """Numbers over time, each channel shifted and scaled by fixed statistics."""

  mean: tuple[float, ...] = ()
  """Subtracted from each channel; empty for zeros."""
  std: tuple[float, ...] = ()
  """Each channel is divided by it; empty for ones."""

  def __post_init__(self):
    """Checks that no channel is divided by zero or less."""
    for value in self.std:
      if not value > 0:
        raise ValueError(f'std {value} is not positive')

  def __call__(
    self, series: Num[Array, 'b f c'], mask: Bool[Array, 'b f']
  ) -> tuple[Float[Array, 'b f c'], Bool[Array, 'b f']]:
    """Computes `(series - mean) / std`, zero where masked.

    Raises:
      ValueError: `mean` or `std` is not as long as there are channels.
    """
    x = standardize(series, mean=self.mean, std=self.std)
    return where_real(x, mask), mask


def standardize(
  x: Num[Array, '*b c'], *, mean: tuple[float, ...], std: tuple[float, ...]
) -> Float[Array, '*b c']:
  """Computes `(x - mean) / std` along the last axis, in float32.

  An empty `mean` or `std` leaves its part out.

  Raises:
    ValueError: `mean` or `std` has another length than the last axis.
  """
  x = x.astype(jnp.float32)
  for name, value in (('mean', mean), ('std', std)):
    if value and len(value) != x.shape[-1]:
      raise ValueError(
        f'input has {x.shape[-1]} channels, {name} has {len(value)}'
      )
  ones = (1,) * (x.ndim - 1)
  if mean:
    x = x - jnp.asarray(mean, x.dtype).reshape(*ones, -1)
  if std:
    x = x / jnp.asarray(std, x.dtype).reshape(*ones, -1)
  return x


class TextDoor(nn.Module):
  """A vector for each token id."""

  width: int = 64
  """Features of each vector."""
  embed: nn.Module = ByteEmbedding()
  """`(text, width) -> [b t d]`: ByteEmbedding, NgramEmbedding or
  WordEmbedding."""

  @nn.compact
  def __call__(
    self, text: Int[Array, 'b t'], mask: Bool[Array, 'b t']
  ) -> tuple[Float[Array, 'b t d'], Bool[Array, 'b t']]:
    """Looks the ids up; zero where masked."""
    x = self.embed(where_real(text, mask), self.width)
    return where_real(x, mask), mask
