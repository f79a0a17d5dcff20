"""A convolutional network down and up again: tokens that see far and near."""

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.encoders.convolutional import ConvolutionalBlock
from mmjax.encoders.pixels import ImageEncoder
from mmjax.layers.doors import follow_kernel
from mmjax.types import Tokens


class UNet(ImageEncoder):
  """Stages at half the resolution of the last, and back beside each of them.

  On the way up the features of the coarser stage are joined to those that the
  same resolution had on the way down, so that a token knows what is around it
  and where the edges are. U-Net (https://arxiv.org/abs/1505.04597), of residual
  blocks as in `ConvolutionalEncoder`.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> image, mask = jnp.zeros((2, 32, 32, 3)), jnp.array([True, False])
    >>> encoder = UNet(widths=(8, 16), patch_size=4)
    >>> tokens, params = encoder.init_with_output(
    ...     jax.random.key(0), image, mask)
    >>> tokens.x.shape
    (2, 64, 8)
  """

  widths: tuple[int, ...] = (32, 64, 128)
  """Features of each stage on the way down."""
  patch_size: int = 4
  """Side, in pixels, of what one place of the first stage sees."""
  up_to: int = 0
  """Stage that the way up ends at; its width is that of the tokens."""
  groups: int = 8
  """Groups of each norm; they divide every width."""
  dropout: float = 0.0
  """Probability of zeroing a unit of each residual branch in training."""

  def __post_init__(self):
    """Checks the widths."""
    if not 0 <= self.up_to < len(self.widths):
      raise ValueError(
        f'up_to {self.up_to} is none of the {len(self.widths)} stages'
      )
    for width in self.widths:
      if width % self.groups:
        raise ValueError(
          f'width {width} is not divisible by groups {self.groups}'
        )
    super().__post_init__()

  def grid(self, h: int, w: int) -> tuple[int, int]:
    """Rows and columns of the tokens of a picture."""
    step = self.patch_size * 2**self.up_to
    return -(-h // step), -(-w // step)

  def encode(
    self,
    x: Float[Array, 'b h w c'],
    mask: Bool[Array, ' b'],
    *,
    train: bool,
  ) -> Tokens:
    """A token for each place of the stage `up_to`."""
    stages = []
    for i, width in enumerate(self.widths):
      size, stride = (self.patch_size,) * 2 if i == 0 else (3, 2)
      x = nn.Conv(
        width,
        (size, size),
        strides=stride,
        promote_dtype=follow_kernel,
        name=f'down_{i}',
      )(x)
      x = self._block(f'block_{i}')(x, train=train)
      stages.append(x)
    for i in range(len(self.widths) - 2, self.up_to - 1, -1):
      beside = stages[i]
      h, w = beside.shape[1:3]
      # A stage of odd size was rounded up on the way down.
      x = x.repeat(2, axis=1).repeat(2, axis=2)[:, :h, :w]
      x = jnp.concatenate([beside, x], axis=-1)
      x = nn.Dense(self.widths[i], name=f'join_{i}')(x)
      x = self._block(f'up_{i}')(x, train=train)
    x = rearrange(x, 'b h w d -> b (h w) d')
    real = jnp.broadcast_to(mask[:, None], x.shape[:2])
    return Tokens(nn.LayerNorm(name='norm')(x), real)

  def _block(self, name: str) -> ConvolutionalBlock:
    return ConvolutionalBlock(
      groups=self.groups, dropout=self.dropout, name=name
    )
