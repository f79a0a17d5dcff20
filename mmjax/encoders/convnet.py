"""A small convolutional network, for pictures of any size."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.encoders.pixels import ImageEncoder
from mmjax.layers.convolution import ConvBlock
from mmjax.types import Tokens


class ConvNet(ImageEncoder):
  """Blocks `y = conv(relu(conv(x)))`, each followed by a rectifier and a pool.

  There is no norm and no position: the same parameters take pictures of any
  size, and `MeanPool` over the tokens is global average pooling. Very Deep
  Convolutional Networks (https://arxiv.org/abs/1409.1556) without their dense
  layers, as in Network In Network (https://arxiv.org/abs/1312.4400).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> image, mask = jnp.zeros((2, 28, 28, 1)), jnp.array([True, False])
    >>> encoder = ConvNet(widths=(16, 32), mean=(0.5,), std=(0.5,))
    >>> tokens, params = encoder.init_with_output(
    ...     jax.random.key(0), image, mask)
    >>> tokens.x.shape
    (2, 49, 32)
  """

  widths: tuple[int, ...] = (32, 64, 128)
  """Channels of each block; the last is the width of the tokens."""
  convolutions: int = 2
  """Convolutions of each block."""
  kernel: int = 3
  """Side of each convolution."""
  pool: int = 2
  """Side of the square of which each pool keeps the largest; 1 for no pools."""
  dropout: float = 0.0
  """Probability of zeroing a unit behind each pool in training."""

  def __post_init__(self):
    """Checks the numbers."""
    if not self.widths:
      raise ValueError('widths is empty, expected one width for each block')
    for name in ('convolutions', 'kernel', 'pool'):
      if getattr(self, name) < 1:
        raise ValueError(f'{name} {getattr(self, name)} is less than 1')
    super().__post_init__()

  def encode(
    self,
    x: Float[Array, 'b h w c'],
    mask: Bool[Array, ' b'],
    *,
    train: bool,
  ) -> Tokens:
    """A token for each place behind the last pool."""
    drop = nn.Dropout(self.dropout, deterministic=not train)
    for i, width in enumerate(self.widths):
      block = ConvBlock(
        width,
        convolutions=self.convolutions,
        kernel=(self.kernel,) * 2,
        name=f'block_{i}',
      )
      rows = jnp.broadcast_to(mask[:, None], x.shape[:2])
      x = jax.nn.relu(block(x, rows)[0])
      if self.pool > 1:
        # 'SAME' keeps the last row and column of a picture of odd size.
        sides = (self.pool,) * 2
        x = nn.max_pool(x, sides, strides=sides, padding='SAME')
      x = drop(x)
    x = rearrange(x, 'b h w d -> b (h w) d')
    return Tokens(x, jnp.broadcast_to(mask[:, None], x.shape[:2]))
