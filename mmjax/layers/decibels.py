"""Log-mel decibels of clips that all get one length."""

import dataclasses
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from mmjax.data.mel import htk_filter_bank, mel_filter_bank
from mmjax.layers.doubled import two_product, two_sum
from mmjax.layers.power import single_power
from mmjax.masking import present, where_real


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecibelMel:
  """Mel power in decibels, of clips that are repeated or cut to one length.

  Frame `i` is centred at sample `i * hop`; the clip is mirrored at its ends.
  As LAION's CLAP has it, section 3.2 of https://arxiv.org/abs/2211.06687.
  """

  sample_rate: int = 48_000
  """Samples a second."""
  n_fft: int = 1024
  """Window of a frame, in samples."""
  hop: int = 480
  """Samples from one frame to the next."""
  mels: int = 64
  """Mel bands."""
  fmin: float = 50.0
  """Lowest frequency, Hz."""
  fmax: float = 14_000.0
  """Highest frequency, Hz; at most half the sample rate."""
  length: int = 480_000
  """Samples of every clip."""
  bank: Literal['slaney', 'htk'] = 'slaney'
  """Whether the filters are librosa's or torchaudio's."""
  fill: Literal['repeatpad', 'repeat', 'pad'] = 'repeatpad'
  """Whether a clip that is shorter is repeated as often as it fits whole and
  followed by silence, repeated to the end, or only followed by silence."""
  views: bool = False
  """Whether there are four spectrograms of a clip: all of it, squeezed into
  `length`, and as much as that from its first, second and last third. Else
  there is the first `length` of it."""
  floor: float = 1e-10
  """Power below which everything counts as silence."""
  power: Callable[[Array, np.ndarray], Array] = single_power
  """`(frames, window) ->` power at each frequency: single_power, or
  doubled_power, which takes some fifty times as long on a CPU and is right
  where it is more than 60 dB quieter than elsewhere in the frame, too."""

  def __post_init__(self):
    """Checks the frequencies and the lengths."""
    if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
      raise ValueError(
        f'fmin {self.fmin} and fmax {self.fmax} must lie in order between 0 '
        f'and half of sample_rate {self.sample_rate}'
      )
    if self.n_fft < 2 or self.n_fft & (self.n_fft - 1):
      raise ValueError(f'n_fft {self.n_fft} is not a power of two')
    if self.n_fft // 2 >= self.length:
      raise ValueError(
        f'length {self.length} is not above half of n_fft {self.n_fft}'
      )

  @property
  def frames(self) -> int:
    """Frames of every spectrogram."""
    return self.length // self.hop + 1

  def __call__(
    self, waveform: Float[Array, 'b s'], mask: Bool[Array, 'b s']
  ) -> tuple[Float[Array, 'b c f mels'], Bool[Array, ' b']]:
    """Computes the spectrograms, and which clips are longer than one.

    A clip ends with its last real sample; what is masked before it is silent.

    Args:
      waveform: samples, any value where masked.
      mask: True where a sample is real.

    Returns:
      One or four spectrograms, zero for an absent clip; and whether the four
      differ.
    """
    x = where_real(waveform.astype(jnp.float32), mask)
    places = jnp.arange(1, x.shape[1] + 1)[None]
    count = jnp.max(jnp.where(mask, places, 0), axis=1)
    if not self.views:
      count = jnp.minimum(count, self.length)
    end = jnp.maximum(count, self.length)
    # Static: what the longest clip that fits into the array would have.
    most = max(x.shape[1], self.length) if self.views else self.length
    x = self._decibels(self._mirrored(x, count, end, most), most)
    here = present(mask)
    total = end // self.hop + 1
    longer = here & (total > self.frames)
    x = self._views(x, total) if self.views else x[:, None]
    return where_real(x, here), longer

  def _mirrored(
    self, x: Array, count: Array, end: Array, most: int
  ) -> Float[Array, 'b s']:
    """The samples with half a window around them, at the front and behind."""
    half = self.n_fft // 2
    place = jnp.abs(jnp.arange(-half, most + half))[None]
    end, count = end[:, None], jnp.maximum(count, 1)[:, None]
    place = jnp.where(place >= end, 2 * (end - 1) - place, place)
    real = place < count
    source = place
    if self.fill != 'pad':
      source = jnp.where(count < end, place % count, place)
      whole = end if self.fill == 'repeat' else (end // count) * count
      real = place < whole
    # A place behind the clip's end is in no frame that counts.
    source = jnp.clip(source, 0, x.shape[1] - 1)
    return where_real(jnp.take_along_axis(x, source, axis=1), real)

  def _decibels(self, x: Array, most: int) -> Float[Array, 'b f mels']:
    first = np.arange(most // self.hop + 1)[:, None] * self.hop
    # The periodic Hann window.
    window = np.hanning(self.n_fft + 1)[:-1]
    power = self.power(x[:, first + np.arange(self.n_fft)[None]], window)
    make = mel_filter_bank if self.bank == 'slaney' else htk_filter_bank
    bank = make(
      sample_rate=self.sample_rate,
      n_fft=self.n_fft,
      mels=self.mels,
      fmin=self.fmin,
      fmax=self.fmax,
    )
    mel = jnp.matmul(
      power, bank.astype(np.float32), precision=jax.lax.Precision.HIGHEST
    )
    return 10 * jnp.log10(jnp.maximum(mel, self.floor))

  def _views(
    self, x: Float[Array, 'b f mels'], total: Int[Array, ' b']
  ) -> Float[Array, 'b 4 chunk mels']:
    """All `total` frames squeezed, and the first ones of each third."""
    total = total[:, None]
    step = jnp.arange(self.frames)[None]
    # As PyTorch rounds it, which shows in long clips: the ratio, and then the
    # place in one go.
    ratios = np.arange(x.shape[1] + 1, dtype=np.float32) / self.frames
    scale = jnp.asarray(ratios.astype(np.float32))[total]
    where, rest = two_product(step + jnp.float32(0.5), scale)
    where, more = two_sum(where, jnp.full_like(where, -0.5))
    where = jnp.maximum(where + (rest + more), 0.0)
    low = jnp.minimum(where.astype(jnp.int32), total - 1)
    high = jnp.minimum(low + 1, total - 1)
    part = (where - low)[..., None]
    squeezed = _rows(x, low) * (1 - part) + _rows(x, high) * part
    # The thirds of the places where such a piece can begin.
    starts = total - self.frames + 1
    second = (starts + 2) // 3
    third = second + (starts + 1) // 3
    first = [jnp.where(s < starts, s, 0) for s in (0, second, third)]
    return jnp.stack([squeezed, *(_rows(x, s + step) for s in first)], axis=1)


def _rows(x: Float[Array, 'b f d'], where: Int[Array, 'b g']) -> Array:
  return jnp.take_along_axis(x, where[..., None], axis=1, mode='clip')
