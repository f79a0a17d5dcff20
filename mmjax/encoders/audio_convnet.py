"""Convolutional networks for sound: on its log-mel, or on the samples."""

from typing import Any

import flax.linen as nn
import jax
from einops import rearrange, repeat
from jaxtyping import Array, Bool, Float

from mmjax.layers.convolution import ConvBlock
from mmjax.layers.norms import GroupNorm
from mmjax.layers.spec_augment import SpecAugment
from mmjax.layers.spectrogram import LogMel
from mmjax.types import Tokens


class AudioEncoder(nn.Module):
  """What both have in common: their norm, and what they take."""

  norm: nn.Module = GroupNorm(groups=8)
  """Behind each block: GroupNorm or BatchNorm."""
  dropout: float = 0.0
  """Probability of zeroing a unit behind each block in training."""

  @nn.compact
  def __call__(
    self,
    audio: Float[Array, 'b s'],
    mask: Bool[Array, 'b s'],
    *,
    train: bool = False,
  ) -> Tokens:
    """Encodes waveforms; a clip gives the same tokens in a longer array.

    Args:
      audio: samples in -1..1, any value where masked.
      mask: True where a sample is real.
      train: whether dropout is on.

    Returns:
      A token for each place of the last block, from the first moment to the
      last.
    """
    return self.encode(audio, mask, train=train)

  def encode(self, audio: Array, mask: Array, *, train: bool) -> Tokens:
    """From waveforms to tokens; a subclass says how."""
    raise NotImplementedError

  def stage(
    self, i: int, x: Array, mask: Array, *, train: bool, **block: Any
  ) -> tuple[Array, Array]:
    """Computes `dropout(relu(norm(block(x))))` and its mask."""
    x, mask = ConvBlock(**block, name=f'block_{i}')(x, mask)
    norm = self.norm.copy(name=f'norm_{i}')
    x = jax.nn.relu(norm(x, mask, train=train))
    return nn.Dropout(self.dropout, deterministic=not train)(x), mask


class AudioConvNet(AudioEncoder):
  """Two-dimensional convolutions over the log-mel, as if it were a picture.

  CNN Architectures for Large-Scale Audio Classification
  (https://arxiv.org/abs/1609.09430).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> audio = jnp.zeros((1, 16_000))
    >>> encoder = AudioConvNet(widths=(16, 32))
    >>> tokens, params = jax.eval_shape(
    ...     encoder.init_with_output, jax.random.key(0), audio, audio == 0)
    >>> tokens.x.shape  # 25 moments and 16 bands
    (1, 400, 32)
  """

  spectrogram: LogMel = LogMel()
  """Turns samples into log-mel frames."""
  augment: SpecAugment | None = None
  """What training hides of the frames; nothing if None."""
  widths: tuple[int, ...] = (32, 64, 128)
  """Channels of each block, `conv(relu(conv(x)))`, which has half the
  resolution of the last; the last is the width of the tokens."""

  def encode(self, audio: Array, mask: Array, *, train: bool) -> Tokens:
    """A token for each moment and band; all of the first moment come first."""
    x, mask = self.spectrogram(audio, mask)
    if self.augment is not None:
      x = self.augment(x, mask, train=train)
    x = rearrange(x, 'b f m -> b f m 1')
    for i, width in enumerate(self.widths):
      x, mask = self.stage(
        i, x, mask, train=train, features=width, stride=(2, 2)
      )
    mask = repeat(mask, 'b f -> b (f m)', m=x.shape[2])
    return Tokens(rearrange(x, 'b f m d -> b (f m) d'), mask)


class WaveformConvNet(AudioEncoder):
  """One-dimensional convolutions over the samples themselves.

  Very Deep Convolutional Neural Networks for Raw Waveforms
  (https://arxiv.org/abs/1610.00087): a wide first convolution, as long as a
  filter of 10 ms at 8 kHz, then narrow ones.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> audio = jnp.zeros((1, 16_000))
    >>> encoder = WaveformConvNet(widths=(16, 32, 32))
    >>> tokens, params = jax.eval_shape(
    ...     encoder.init_with_output, jax.random.key(0), audio, audio == 0)
    >>> tokens.x.shape
    (1, 250, 32)
  """

  widths: tuple[int, ...] = (32, 64, 128, 128)
  """Channels of each block; the last is the width of the tokens."""
  first_kernel: int = 80
  """Samples that the first convolution sees."""
  kernel: int = 3
  """Steps that each of the others sees."""
  stride: int = 4
  """Each block has so many times fewer steps than the last."""

  def encode(self, audio: Array, mask: Array, *, train: bool) -> Tokens:
    """A token for each moment of the last block."""
    x = rearrange(audio, 'b s -> b s 1')
    for i, width in enumerate(self.widths):
      x, mask = self.stage(
        i,
        x,
        mask,
        train=train,
        features=width,
        convolutions=2 if i else 1,
        kernel=(self.kernel if i else self.first_kernel,),
        stride=(self.stride,),
      )
    return Tokens(x, mask)
