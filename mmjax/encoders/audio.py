"""Audio Spectrogram Transformer: a waveform as patches of its log-mel."""

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange, reduce, repeat
from jaxtyping import Array, Bool, Float

from mmjax.encoders.sequence import SequenceEncoder
from mmjax.layers.embed import PatchProjection, SinCosPositions
from mmjax.layers.spectrogram import LogMel
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

  spectrogram: LogMel = LogMel()
  """Turns samples into log-mel frames."""
  patch_size: tuple[int, int] = (16, 16)
  """Frames and mel bands of a patch."""
  positions: nn.Module = SinCosPositions()
  """`(grid, width) -> [n d]`: LearnedPositions or SinCosPositions."""

  def __post_init__(self):
    """Checks patches against mel bands, besides heads against width."""
    mels, patch = self.spectrogram.mels, self.patch_size[1]
    if mels % patch:
      raise ValueError(f'mels {mels} is not divisible by patch height {patch}')
    super().__post_init__()

  def grid(self, samples: int) -> tuple[int, int]:
    """Patches in time and in frequency of an array of so many samples."""
    frames = -(-samples // self.spectrogram.hop)
    return (
      -(-frames // self.patch_size[0]),
      self.spectrogram.mels // self.patch_size[1],
    )

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
      `grid` tokens; all patches of the first moment come first.
    """
    x, real = self.spectrogram(audio, mask)
    time, height = self.patch_size
    grid = self.grid(audio.shape[1])
    fill = grid[0] * time - x.shape[1]
    x = jnp.pad(x, ((0, 0), (0, fill), (0, 0)))
    real = jnp.pad(real, ((0, 0), (0, fill)))
    x = rearrange(x, 'b (f p) (m q) -> b (f m) (p q)', p=time, q=height)
    real = reduce(real, 'b (f p) -> b f', 'max', p=time)
    real = repeat(real, 'b f -> b (f m)', m=grid[1])
    x = PatchProjection(self.width, name='patches')(x)
    x = x + self.positions(grid, self.width).astype(x.dtype)[None]
    return self.transform(Tokens(x, real), train=train)
