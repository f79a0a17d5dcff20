"""Audio Spectrogram Transformer: a waveform as patches of its log-mel."""

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange, repeat
from jaxtyping import Array, Bool, Float

from mmjax.encoders.sequence import SequenceEncoder
from mmjax.layers.embed import PatchProjection, SinCosPositions
from mmjax.layers.kaldi import KaldiMel
from mmjax.layers.patches import windows
from mmjax.layers.spec_augment import SpecAugment
from mmjax.layers.spectrogram import LogMel
from mmjax.masking import present
from mmjax.types import Tokens


class AudioSpectrogramTransformer(SequenceEncoder):
  """Transformer over patches of a log-mel spectrogram, from the waveform.

  A patch is real when any of its frames is. With sin-cos positions a clip gives
  the same real tokens whatever the length of the array that holds it.

  AST: Audio Spectrogram Transformer (https://arxiv.org/abs/2104.01778).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> audio = jnp.zeros((1, 16_000))
    >>> encoder = AudioSpectrogramTransformer(width=64, depth=2, heads=2)
    >>> tokens, params = encoder.init_with_output(
    ...     jax.random.key(0), audio, audio == 0)
    >>> tokens.x.shape
    (1, 28, 64)
  """

  spectrogram: LogMel | KaldiMel = LogMel()
  """Turns samples into log-mel frames."""
  augment: SpecAugment | None = None
  """What training hides of the frames; nothing if None."""
  patch_size: tuple[int, int] = (16, 16)
  """Frames and mel bands of a patch."""
  stride: tuple[int, int] | None = None
  """Frames and mel bands from one patch to the next; those of a patch if
  None."""
  rest: Literal['pad', 'drop'] = 'pad'
  """What happens to the last frames that make no whole patch; mel bands may
  be left over only where they are dropped."""
  order: Literal['time', 'frequency'] = 'time'
  """Whether all patches of the first moment come first, or all of the lowest
  frequency; the axes of the grid of `positions` are in that order, too."""
  first_tokens: tuple[str, ...] = ()
  """Names of learned tokens before the patches, each with a position."""
  positions: nn.Module = SinCosPositions()
  """`(grid, width) -> [n d]`: LearnedPositions or SinCosPositions."""

  def __post_init__(self):
    """Checks patches against mel bands, besides heads against width."""
    mels, patch = self.spectrogram.mels, self.patch_size[1]
    left = mels < patch or (mels - patch) % (self.stride or self.patch_size)[1]
    if left and (self.rest == 'pad' or mels < patch):
      raise ValueError(f'mels {mels} is not divisible by patch height {patch}')
    super().__post_init__()

  def grid(self, samples: int) -> tuple[int, int]:
    """Patches in time and in frequency of an array of so many samples."""
    stride = self.stride or self.patch_size
    left = self.spectrogram.frames(samples) - self.patch_size[0]
    steps, part = divmod(left, stride[0])
    if self.rest == 'pad' and part:
      steps += 1
    height = self.spectrogram.mels - self.patch_size[1]
    return max(0, 1 + steps), 1 + height // stride[1]

  @nn.compact
  def __call__(
    self,
    audio: Float[Array, 'b s'],
    mask: Bool[Array, 'b s'],
    *,
    train: bool = False,
  ) -> Tokens:
    """Encodes waveforms.

    Args:
      audio: samples in -1..1, any value where masked.
      mask: True where a sample is real.
      train: whether dropout is on.

    Returns:
      The `first_tokens`, and `grid` tokens in the `order`.
    """
    x, real = self.spectrogram(audio, mask)
    if self.augment is not None:
      x = self.augment(x, real, train=train)
    time, height = self.patch_size
    step, rise = self.stride or self.patch_size
    grid = self.grid(audio.shape[1])
    fill = max(0, (grid[0] - 1) * step + time - x.shape[1])
    x = jnp.pad(x, ((0, 0), (0, fill), (0, 0)))
    real = jnp.pad(real, ((0, 0), (0, fill)))
    x = windows(x, grid[0], time, step, axis=1)
    x = windows(x, grid[1], height, rise, axis=3)
    real = windows(real, grid[0], time, step, axis=1).any(axis=2)
    x = rearrange(x, 'b f p m q -> b f m (p q)')
    real = repeat(real, 'b f -> b f m', m=grid[1])
    if self.order == 'frequency':
      x, real = x.swapaxes(1, 2), real.swapaxes(1, 2)
      grid = grid[::-1]
    x = rearrange(x, 'b f m p -> b (f m) p')
    real = rearrange(real, 'b f m -> b (f m)')
    x = PatchProjection(self.width, name='patches')(x)
    x = x + self.positions(grid, self.width).astype(x.dtype)[None]
    tokens = self._with_first(Tokens(x, real), present(mask))
    return self.transform(tokens, train=train)

  def _with_first(self, tokens: Tokens, here: Bool[Array, ' b']) -> Tokens:
    """With the learned tokens before the others; real where the clip is."""
    count = len(self.first_tokens)
    if not count:
      return tokens
    x, real = tokens
    init = nn.initializers.normal(0.02)
    one = (1, 1, self.width)
    first = [self.param(name, init, one) for name in self.first_tokens]
    places = self.param('first_positions', init, (count, self.width))
    first = jnp.concatenate(first, axis=1) + places[None]
    first = jnp.broadcast_to(first.astype(x.dtype), (len(x), count, self.width))
    return Tokens(
      jnp.concatenate([first, x], axis=1),
      jnp.concatenate([repeat(here, 'b -> b n', n=count), real], axis=1),
    )
