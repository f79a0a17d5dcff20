"""Sensor Transformer: multichannel series as patches of time steps."""

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange, reduce
from jaxtyping import Array, Bool, Num

from mmjax.encoders.sequence import SequenceEncoder
from mmjax.layers.doors import SeriesDoor
from mmjax.layers.embed import PatchProjection, SinCosPositions
from mmjax.types import Tokens


class SensorTransformer(SequenceEncoder):
  """Transformer over patches of a series, all channels of a few steps each.

  A patch is real when any of its steps is. With sin-cos positions a series
  gives the same real tokens whatever the length of the array that holds it.

  A Transformer-based Framework for Multivariate Time Series
  (https://arxiv.org/abs/2010.02803), with the patches of PatchTST
  (https://arxiv.org/abs/2211.14730).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> series, mask = jnp.zeros((2, 100, 6)), jnp.ones((2, 100), bool)
    >>> encoder = SensorTransformer(width=64, depth=2, heads=2)
    >>> tokens, params = encoder.init_with_output(
    ...     jax.random.key(0), series, mask)
    >>> tokens.x.shape
    (2, 25, 64)
  """

  depth: int = 6
  """Transformer blocks."""
  patch_size: int = 4
  """Time steps of a patch."""
  door: SeriesDoor = SeriesDoor()
  """Mean and standard deviation of each channel."""
  positions: nn.Module = SinCosPositions()
  """`(grid, width) -> [n d]`: LearnedPositions or SinCosPositions."""

  def __post_init__(self):
    """Checks the patches, besides heads against width."""
    if self.patch_size < 1:
      raise ValueError(f'patch_size {self.patch_size} is less than 1')
    super().__post_init__()

  def grid(self, steps: int) -> tuple[int]:
    """Patches of an array of so many steps."""
    return (-(-steps // self.patch_size),)

  @nn.compact
  def __call__(
    self,
    series: Num[Array, 'b f c'],
    mask: Bool[Array, 'b f'],
    *,
    train: bool = False,
  ) -> Tokens:
    """Encodes series.

    Args:
      series: readings of each channel, any value where masked.
      mask: True where a time step is real.
      train: whether dropout is on.

    Returns:
      `grid` tokens.

    Raises:
      ValueError: the channels do not fit the statistics of the door.
    """
    x, real = self.door(series, mask)
    grid = self.grid(x.shape[1])
    fill = grid[0] * self.patch_size - x.shape[1]
    x = jnp.pad(x, ((0, 0), (0, fill), (0, 0)))
    real = jnp.pad(real, ((0, 0), (0, fill)))
    x = rearrange(x, 'b (n p) c -> b n (p c)', p=self.patch_size)
    real = reduce(real, 'b (n p) -> b n', 'max', p=self.patch_size)
    x = PatchProjection(self.width, name='patches')(x)
    x = x + self.positions(grid, self.width).astype(x.dtype)[None]
    return self.transform(Tokens(x, real), train=train)
