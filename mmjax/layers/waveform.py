"""From samples to frames by convolutions, and where a frame stands."""

from collections.abc import Callable
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.layers.doors import follow_kernel
from mmjax.layers.norms import GroupNorm
from mmjax.layers.style import gelu
from mmjax.masking import present, where_real


class WaveformDoor(nn.Module):
  """Convolutions over the samples, without padding.

  wav2vec 2.0, section 2 (https://arxiv.org/abs/2006.11477).
  """

  widths: tuple[int, ...] = (512,) * 7
  """Channels of each convolution."""
  kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
  """Steps that each sees."""
  strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
  """Each has so many times fewer steps than the last."""
  use_bias: bool = False
  """Whether the convolutions have biases."""
  norm: Literal['first', 'each'] = 'first'
  """Whether each channel of the first convolution is normalised over the real
  steps of the clip, or the channels of each step behind all of them."""
  activation: Callable[[Array], Array] = gelu
  """Nonlinearity behind each."""
  normalize: bool = True
  """Whether the samples are shifted and scaled to mean 0 and variance 1."""

  def __post_init__(self):
    """Checks that there is as much of each."""
    counts = [len(self.widths), len(self.kernels), len(self.strides)]
    if len(set(counts)) > 1:
      raise ValueError(
        f'widths, kernels and strides are {counts} numbers, not as many'
      )
    super().__post_init__()

  @property
  def field(self) -> int:
    """Samples that one frame sees."""
    samples = 1
    pairs = zip(self.kernels, self.strides, strict=True)
    for kernel, stride in reversed([*pairs]):
      samples = (samples - 1) * stride + kernel
    return samples

  @nn.compact
  def __call__(
    self, audio: Float[Array, 'b s'], mask: Bool[Array, 'b s']
  ) -> tuple[Float[Array, 'b f d'], Bool[Array, 'b f']]:
    """Computes the frames and which are real: whose last sample is.

    So is the first one of a clip that is shorter than a frame; it sees zeros
    behind it.
    """
    here = present(mask)
    audio = audio.astype(jnp.float32)
    x = standardize(audio, mask) if self.normalize else where_real(audio, mask)
    x = rearrange(x, 'b s -> b s 1')
    for i, width in enumerate(self.widths):
      x = nn.Conv(
        width,
        (self.kernels[i],),
        strides=(self.strides[i],),
        padding='VALID',
        use_bias=self.use_bias,
        promote_dtype=follow_kernel,
        name=f'conv_{i}',
      )(x)
      mask = mask[:, self.kernels[i] - 1 :: self.strides[i]]
      mask |= here[:, None] & (jnp.arange(mask.shape[1]) == 0)[None]
      if self.norm == 'each':
        x = nn.LayerNorm(epsilon=1e-5, name=f'norm_{i}')(x)
      elif i == 0:
        x = GroupNorm(groups=width, name='norm_0')(x, mask)
      x = self.activation(x)
    return x, mask


class ConvPositions(nn.Module):
  """What a frame's neighbours say of where it stands.

  One wide grouped convolution, whose kernel is a direction for each of its
  places, over all channels, times a magnitude: weight normalisation
  (https://arxiv.org/abs/1602.07868). wav2vec 2.0, section 2
  (https://arxiv.org/abs/2006.11477).
  """

  kernel: int = 128
  """Frames that it sees."""
  groups: int = 16
  """Groups of channels; they divide the width."""
  activation: Callable[[Array], Array] = gelu
  """Nonlinearity behind it."""

  @nn.compact
  def __call__(
    self, x: Float[Array, 'b f d'], mask: Bool[Array, 'b f']
  ) -> Float[Array, 'b f d']:
    """Computes `activation(conv(x))`, with zeros in place of what is not real.

    Raises:
      ValueError: the groups do not divide the width.
    """
    d = x.shape[-1]
    if d % self.groups:
      raise ValueError(f'width {d} is not divisible by groups {self.groups}')
    shape = (self.kernel, d // self.groups, d)
    v = self.param('direction', nn.initializers.lecun_normal(), shape)
    g = self.param('magnitude', nn.initializers.ones, (self.kernel, 1, 1))
    bias = self.param('bias', nn.initializers.zeros, (d,))
    size = jnp.sqrt((v * v).sum(axis=(1, 2), keepdims=True))
    y = jax.lax.conv_general_dilated(
      where_real(x, mask).astype(v.dtype),
      g * v / size,
      window_strides=(1,),
      padding=[(self.kernel // 2, (self.kernel - 1) // 2)],
      dimension_numbers=('NHC', 'HIO', 'NHC'),
      feature_group_count=self.groups,
    )
    return self.activation(y + bias[None, None])


def standardize(
  x: Float[Array, 'b s'], mask: Bool[Array, 'b s'], *, epsilon: float = 1e-7
) -> Float[Array, 'b s']:
  """Shifts and scales the real samples to mean 0 and variance 1.

  Args:
    x: samples, any value where masked.
    mask: True where a sample is real.
    epsilon: added to the variance.

  Returns:
    Samples, zero where masked.
  """
  count = jnp.maximum(mask.sum(axis=1, keepdims=True), 1)
  x = where_real(x, mask)
  x = where_real(x - x.sum(axis=1, keepdims=True) / count, mask)
  variance = (x * x).sum(axis=1, keepdims=True) / count
  return x * jax.lax.rsqrt(variance + epsilon)
