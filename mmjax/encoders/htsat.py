"""HTS-AT: a waveform's log-mel, folded into a picture for shifted windows."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange, repeat
from jaxtyping import Array, Bool, Float

from mmjax.encoders.windowed import WindowedEncoder
from mmjax.layers.decibels import DecibelMel
from mmjax.layers.embed import PatchProjection
from mmjax.layers.norms import BatchNorm
from mmjax.layers.patches import count_patches, split_patches
from mmjax.layers.resample import cubic_weights
from mmjax.layers.swin import merged
from mmjax.masking import present, where_real
from mmjax.types import Tokens

# Of a crop's patches, whose frames are so many times as many.
_LONG = 3


class HTSAT(WindowedEncoder):
  """Swin Transformer over a log-mel spectrogram, from the waveform.

  The spectrogram is resampled and cut along time into as many pieces as make a
  square of `size` when they lie one below the other. All clips have as many
  tokens, and those of a clip that is there are real. Pool with `MeanPool`.

  HTS-AT (https://arxiv.org/abs/2202.00874); with `fusion`, what CLAP makes of
  clips that are longer (https://arxiv.org/abs/2211.06687, section 3.2).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> audio = jnp.zeros((1, 24_000))
    >>> encoder = HTSAT(width=8, depths=(2, 1), heads=(1, 2))
    >>> tokens, params = jax.eval_shape(
    ...     encoder.init_with_output, jax.random.key(0), audio, audio == 0)
    >>> tokens.x.shape
    (1, 1024, 16)
  """

  heads: tuple[int, ...] = (4, 8, 16, 32)
  """Attention heads of each stage."""
  window: int = 8
  """Side of the window in which tokens see each other, in tokens."""
  spectrogram: DecibelMel = DecibelMel()
  """Turns samples into spectrograms."""
  size: int = 256
  """Side of the square; so many times as large as there are mel bands it has
  pieces."""
  patch_size: tuple[int, int] = (4, 4)
  """Mel bands and frames of a patch."""
  stride: tuple[int, int] = (4, 4)
  """Mel bands and frames from one patch to the next."""
  mel_norm: nn.Module = BatchNorm()
  """Of each mel band: BatchNorm or GroupNorm."""
  fusion: nn.Module | None = None
  """`(x, other, mask, train) -> x`: adds the crops of a longer clip to all of
  it: AttentionalFusion, with a spectrogram that has `views`."""

  def __post_init__(self):
    """Checks the square, and the fusion against the spectrogram."""
    rows, _ = self._grid
    if self.size < self.spectrogram.mels or rows % self.pieces:
      raise ValueError(
        f'{rows} rows of tokens in a square of size {self.size} are not '
        f'divisible by {self.pieces}, as often as mels '
        f'{self.spectrogram.mels} fit into it'
      )
    if self.spectrogram.frames > self.size * self.pieces:
      raise ValueError(
        f'{self.spectrogram.frames} frames are more than the '
        f'{self.size * self.pieces} of a square of size {self.size}'
      )
    if self.spectrogram.views != (self.fusion is not None):
      raise ValueError('views of the spectrogram and fusion need each other')
    super().__post_init__()

  @property
  def pieces(self) -> int:
    """How many pieces of the spectrogram lie one below the other."""
    return max(1, self.size // self.spectrogram.mels)

  @property
  def _grid(self) -> tuple[int, int]:
    rows, columns = (
      merged(count_patches(self.size, *args), len(self.depths))
      for args in zip(self.patch_size, self.stride, self._sides, strict=True)
    )
    return rows, columns

  @property
  def _sides(self) -> tuple[int, int]:
    # Where patches overlap, half of what they share is around the square, too.
    (p, q), (step, stride) = self.patch_size, self.stride
    return max(0, p - step) // 2, max(0, q - stride) // 2

  def grid(self, samples: int) -> tuple[int, int]:
    """Tokens in time and in frequency, whatever the length of the array."""
    del samples
    rows, columns = self._grid
    return columns * self.pieces, rows // self.pieces

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
      train: whether dropout is on, and norms take this batch's statistics.

    Returns:
      `grid` tokens, all of the first moment first.
    """
    here = present(mask)
    x, longer = self.spectrogram(audio, mask)
    real = repeat(here, 'b -> b c', c=x.shape[1])
    x = self.mel_norm(x, real, train=train)
    x = self._embed(self._fold(where_real(x, here)), longer, train=train)
    x = self.transform(x, train=train)
    x = rearrange(x, 'b (r m) f d -> b (r f m) d', r=self.pieces)
    return Tokens(x, jnp.broadcast_to(here[:, None], x.shape[:2]))

  def _fold(self, x: Float[Array, 'b c f m']) -> Float[Array, 'b c h w']:
    """Resamples, and puts the pieces one below the other, low bands first."""
    wanted = (self.size * self.pieces, self.size // self.pieces)
    for axis, new in zip('fm', wanted, strict=True):
      old = x.shape['bcfm'.index(axis)]
      if old == new:
        continue
      weights = jnp.asarray(cubic_weights(old, new, corners=True), x.dtype)
      result = 'bcfm'.replace(axis, 'n')
      x = jnp.einsum(
        f'bcfm,n{axis}->{result}', x, weights,
        precision=jax.lax.Precision.HIGHEST,
      )  # fmt: skip
    return rearrange(x, 'b c (r f) m -> b c (r m) f', r=self.pieces)

  def _embed(
    self, x: Float[Array, 'b c h w'], longer: Bool[Array, ' b'], *, train: bool
  ) -> Float[Array, 'b p q d']:
    """Patches of the square, and of the crops where the clip is longer."""
    whole = self._project('patches', x[:, 0], 1)
    if self.fusion is None:
      return whole
    crops = rearrange(x[:, 1:], 'b c h w -> (b c) h w')
    crops = self._project('crop_patches', crops, _LONG)
    crops = rearrange(crops, '(b c) p q d -> b p (c q) d', b=len(x))
    columns = whole.shape[2]
    fill = max(0, columns - crops.shape[2])
    crops = jnp.pad(crops, ((0, 0), (0, 0), (0, fill), (0, 0)))[:, :, :columns]
    fused = self.fusion(whole, crops, longer, train=train)
    return jnp.where(longer[:, None, None, None], fused, whole)

  def _project(
    self, name: str, x: Float[Array, 'b h w'], times: int
  ) -> Float[Array, 'b p q d']:
    (p, q), (step, stride) = self.patch_size, self.stride
    x = split_patches(
      x[..., None], (p, q * times), (step, stride * times), self._sides
    )
    h = x.shape[1]
    x = rearrange(x, 'b h w p -> b (h w) p')
    x = PatchProjection(self.width, name=name)(x)
    return rearrange(x, 'b (h w) d -> b h w d', h=h)
