"""Residual convolutional network: for pictures when there are few of them."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.encoders.pixels import ImageEncoder
from mmjax.layers.doors import follow_kernel
from mmjax.layers.histogram import color_histogram
from mmjax.types import Tokens


class ConvolutionalEncoder(ImageEncoder):
  """Stages of residual blocks, each at half the resolution of the last.

  What a ViT must learn about neighbouring pixels is built in, so that hundreds
  of pictures are enough to train it. Group normalisation keeps every example on
  its own: the same alone or in a batch.

  Deep Residual Learning (https://arxiv.org/abs/1512.03385) and Identity
  Mappings, figure 4e (https://arxiv.org/abs/1603.05027), with the norm of
  Group Normalization (https://arxiv.org/abs/1803.08494).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> image, mask = jnp.zeros((2, 32, 32, 3)), jnp.array([True, False])
    >>> encoder = ConvolutionalEncoder(widths=(16, 32))
    >>> tokens, params = encoder.init_with_output(
    ...     jax.random.key(0), image, mask)
    >>> tokens.x.shape
    (2, 16, 32)
  """

  widths: tuple[int, ...] = (32, 64, 128)
  """Features of each stage; the last is the width of the tokens."""
  patch_size: int = 4
  """Side, in pixels, of what one place of the first stage sees."""
  groups: int = 8
  """Groups of each norm; they divide every width."""
  color_bins: int = 0
  """Cells along each channel of a colour histogram, which becomes one more
  token, the first; 0 for none."""
  dropout: float = 0.0
  """Probability of zeroing a unit of each residual branch in training."""

  def __post_init__(self):
    """Checks the widths."""
    if not self.widths:
      raise ValueError('widths is empty, expected one width for each stage')
    for width in self.widths:
      if width % self.groups:
        raise ValueError(
          f'width {width} is not divisible by groups {self.groups}'
        )
    super().__post_init__()

  def encode(
    self,
    x: Float[Array, 'b h w c'],
    mask: Bool[Array, ' b'],
    *,
    train: bool,
  ) -> Tokens:
    """A token for each place, behind that of the histogram if there is one."""
    pixels = x
    for i, width in enumerate(self.widths):
      # The first stage starts from patches: full resolution costs the most.
      size, stride = (self.patch_size,) * 2 if i == 0 else (3, 2)
      x = nn.Conv(
        width,
        (size, size),
        strides=stride,
        promote_dtype=follow_kernel,
        name=f'down_{i}',
      )(x)
      x = ConvolutionalBlock(
        groups=self.groups, dropout=self.dropout, name=f'block_{i}'
      )(x, train=train)
    x = rearrange(x, 'b h w d -> b (h w) d')
    if self.color_bins:
      x = jnp.concatenate([self._colors(pixels)[:, None], x], axis=1)
    real = jnp.broadcast_to(mask[:, None], x.shape[:2])
    return Tokens(nn.LayerNorm(name='norm')(x), real)

  def _colors(self, x: Array) -> Float[Array, 'b d']:
    # As they were before normalisation, in 0..1.
    shift, spread = jnp.asarray((self.mean, self.std))[:, None, None, None]
    pixels = x * spread + shift
    shares = color_histogram(pixels, bins=self.color_bins)
    # The square root tells small shares apart (Hellinger distance); its slope
    # at zero is made finite.
    shares = jnp.sqrt(shares * shares.shape[-1] + 1e-4)
    return nn.Dense(
      self.widths[-1], promote_dtype=follow_kernel, name='colors'
    )(shares)


class ConvolutionalBlock(nn.Module):
  """Two 3 x 3 convolutions behind norms, beside a residual path."""

  groups: int
  dropout: float = 0.0

  @nn.compact
  def __call__(
    self, x: Float[Array, 'b h w d'], *, train: bool = False
  ) -> Float[Array, 'b h w d']:
    """Computes `x + conv(relu(norm(conv(relu(norm(x))))))`."""
    y = x
    for i in range(2):
      y = jax.nn.relu(nn.GroupNorm(self.groups, name=f'norm_{i}')(y))
      y = nn.Conv(x.shape[-1], (3, 3), name=f'conv_{i}')(y)
    return x + nn.Dropout(self.dropout, deterministic=not train)(y)
