"""Whisper's log-mel spectrogram, on the device and differentiable."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from mmjax.data.mel import mel_filter_bank
from mmjax.masking import present, where_real


@dataclasses.dataclass(frozen=True, kw_only=True)
class WhisperMel:
  """Decimal logarithm of the mel power, at most `depth` below its maximum.

  In place of `LogMel` where a checkpoint was trained on these. Frames are
  centred at every `hop`-th sample, and the sound is mirrored at its start.
  Robust Speech Recognition via Large-Scale Weak Supervision, section 2.2
  (https://arxiv.org/abs/2212.04356), and `WhisperFeatureExtractor` of
  https://github.com/huggingface/transformers/blob/main/src/transformers/models/whisper/feature_extraction_whisper.py
  """

  sample_rate: int = 16_000
  """Samples a second."""
  n_fft: int = 400
  """Window of a frame, in samples."""
  hop: int = 160
  """Samples from one frame to the next."""
  mels: int = 80
  """Mel bands."""
  fmax: float = 8_000.0
  """Highest frequency, Hz."""
  floor: float = 1e-10
  """Power below which everything counts as silence."""
  depth: float = 8.0
  """How far below the loudest power of the clip the softest is, in powers of
  ten."""
  length: int | None = None
  """Samples of every clip: longer ones are cut, and shorter ones filled up with
  silence, which then is as real as the rest; the end is mirrored, too. None
  gives each its own, with silence behind it."""

  def frames(self, samples: int) -> int:
    """Frames of an array of so many samples."""
    if self.length is not None:
      return self.length // self.hop
    return -(-samples // self.hop)

  def __call__(
    self, waveform: Float[Array, 'b s'], mask: Bool[Array, 'b s']
  ) -> tuple[Float[Array, 'b f mels'], Bool[Array, 'b f']]:
    """Computes the features and which frames are real.

    A frame is real when the sample at its centre is. With `length` all frames
    of a clip are, if any of its samples is.

    Args:
      waveform: samples in -1..1, any value where masked.
      mask: True where a sample is real.

    Returns:
      Features, zero where masked, and their mask.
    """
    x = where_real(waveform.astype(jnp.float32), mask)
    real = mask
    if self.length is not None:
      x = x[:, : self.length]
      x = jnp.pad(x, ((0, 0), (0, self.length - x.shape[1])))
      real = jnp.broadcast_to(present(mask)[:, None], x.shape)
    log = jnp.log10(jnp.maximum(self._power(x), self.floor))
    real = real[:, :: self.hop][:, : log.shape[1]]
    heard = jnp.where(real[..., None], log, -jnp.inf)
    top = heard.max(axis=(1, 2), keepdims=True)
    top = jnp.where(jnp.isfinite(top), top, 0.0)
    return where_real((jnp.maximum(log, top - self.depth) + 4) / 4, real), real

  def _power(self, x: Float[Array, 'b s']) -> Float[Array, 'b f mels']:
    """The mel power of frames around samples 0, hop, 2 hop, ..."""
    half, samples = self.n_fft // 2, x.shape[1]
    mirrored = min(half, samples - 1)
    end = 0 if self.length is None else mirrored
    padded = jnp.pad(x, ((0, 0), (mirrored, end)), mode='reflect')
    # A clip that is shorter than half a window has no more to mirror.
    padded = jnp.pad(padded, ((0, 0), (half - mirrored, self.n_fft - end)))
    first = np.arange(self.frames(samples))[:, None] * self.hop
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.n_fft) / self.n_fft)
    frames = padded[:, first + np.arange(self.n_fft)[None]]
    frames = frames * window[None, None].astype(np.float32)
    spectrum = jnp.fft.rfft(frames)
    bank = mel_filter_bank(
      sample_rate=self.sample_rate,
      n_fft=self.n_fft,
      mels=self.mels,
      fmax=self.fmax,
    )
    return jnp.matmul(
      spectrum.real**2 + spectrum.imag**2,
      bank.astype(np.float32),
      precision=jax.lax.Precision.HIGHEST,
    )
