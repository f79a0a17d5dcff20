"""ResNet: deep residual convolutional networks, laid out as torchvision's."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.encoders.pixels import ImageEncoder
from mmjax.layers.doors import follow_kernel
from mmjax.layers.norms import GroupNorm
from mmjax.types import Tokens

_EXPANSION = 4  # of a bottleneck's channels


class ResNet(ImageEncoder):
  """A stem and four stages of residual blocks.

  The stem is a 7 x 7 convolution and a pool, each at stride 2. Each later stage
  has half the resolution and twice the channels. `resnet18`, `resnet34` and
  `resnet50` have the depths of the paper.

  Modules and shapes are those of torchvision, so that its weights fit when
  `norm` is BatchNorm: `layer1_0/conv1` is its `layer1.0.conv1`, `norm1` its
  `bn1`, and `downsample_conv` and `downsample_norm` are its `downsample.0` and
  `.1`. The stride of a bottleneck is on its 3 x 3 convolution.

  Deep Residual Learning (https://arxiv.org/abs/1512.03385),
  https://github.com/pytorch/vision/blob/main/torchvision/models/resnet.py.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> image, mask = jnp.zeros((2, 64, 64, 3)), jnp.array([True, False])
    >>> encoder = resnet18(width=16, norm=GroupNorm(groups=8))
    >>> tokens, params = jax.eval_shape(
    ...     encoder.init_with_output, jax.random.key(0), image, mask)
    >>> tokens.x.shape
    (2, 4, 128)
  """

  layers: tuple[int, ...] = (2, 2, 2, 2)
  """Blocks of each stage."""
  bottleneck: bool = False
  """Whether a block is three convolutions, 1 x 1, 3 x 3 and 1 x 1 with four
  times the channels, instead of two that are 3 x 3."""
  width: int = 64
  """Channels of the stem and of the first stage (before the factor four)."""
  norm: nn.Module = GroupNorm(groups=32)
  """Behind each convolution: GroupNorm or BatchNorm."""

  def __post_init__(self):
    """Checks the stages."""
    if not self.layers or min(self.layers) < 1:
      raise ValueError(
        f'layers {self.layers} are not one positive number for each stage'
      )
    super().__post_init__()

  def grid(self, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of tokens of an image of so many pixels."""
    stride = 2 ** (len(self.layers) + 1)
    return -(-height // stride), -(-width // stride)

  def encode(
    self,
    x: Float[Array, 'b h w c'],
    mask: Bool[Array, ' b'],
    *,
    train: bool,
  ) -> Tokens:
    """A token for each place of the last stage."""
    x = _conv(self.width, 7, 2, name='conv1')(x)
    x = jax.nn.relu(
      self.norm.copy(name='norm1')(x, _rows(x, mask), train=train)
    )
    sides: Any = ((1, 1), (1, 1))
    x = nn.max_pool(x, (3, 3), strides=(2, 2), padding=sides)
    for i, blocks in enumerate(self.layers):
      for j in range(blocks):
        x = ResidualBlock(
          width=self.width * 2**i,
          bottleneck=self.bottleneck,
          stride=2 if i and not j else 1,
          norm=self.norm,
          name=f'layer{i + 1}_{j}',
        )(x, mask, train=train)
    x = rearrange(x, 'b h w d -> b (h w) d')
    return Tokens(x, jnp.broadcast_to(mask[:, None], x.shape[:2]))


class ResidualBlock(nn.Module):
  """Convolutions and norms beside a residual path."""

  width: int
  bottleneck: bool
  stride: int
  norm: nn.Module

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b h w c'],
    mask: Bool[Array, ' b'],
    *,
    train: bool = False,
  ) -> Float[Array, 'b p q d']:
    """Computes `relu(x + norm(conv(relu(... relu(norm(conv(x)))))))`."""

    def norm(x, name):
      return self.norm.copy(name=name)(x, _rows(x, mask), train=train)

    width, stride = self.width, self.stride
    plan = [(width, 3, stride), (width, 3, 1)]
    if self.bottleneck:
      out = width * _EXPANSION
      plan = [(width, 1, 1), (width, 3, stride), (out, 1, 1)]
    y = x
    for i, (channels, kernel, step) in enumerate(plan, 1):
      y = jax.nn.relu(y) if i > 1 else y
      y = _conv(channels, kernel, step, name=f'conv{i}')(y)
      y = norm(y, f'norm{i}')
    if x.shape != y.shape:
      x = _conv(y.shape[-1], 1, stride, name='downsample_conv')(x)
      x = norm(x, 'downsample_norm')
    return jax.nn.relu(x + y)


def _conv(features: int, kernel: int, stride: int, *, name: str) -> nn.Conv:
  # 'SAME' would pad unevenly where the stride is 2.
  side = (kernel - 1) // 2
  return nn.Conv(
    features,
    (kernel, kernel),
    strides=stride,
    padding=side,
    use_bias=False,
    kernel_init=nn.initializers.variance_scaling(2, 'fan_out', 'normal'),
    promote_dtype=follow_kernel,
    name=name,
  )


def _rows(x: Array, mask: Array) -> Array:
  return jnp.broadcast_to(mask[:, None], x.shape[:2])


resnet18 = functools.partial(ResNet, layers=(2, 2, 2, 2))
resnet34 = functools.partial(ResNet, layers=(3, 4, 6, 3))
resnet50 = functools.partial(ResNet, layers=(3, 4, 6, 3), bottleneck=True)
