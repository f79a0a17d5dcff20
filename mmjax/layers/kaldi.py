"""Kaldi's logarithmic filter bank, on the device and differentiable."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from mmjax.data.mel import kaldi_filter_bank
from mmjax.masking import present, where_real


@dataclasses.dataclass(frozen=True, kw_only=True)
class KaldiMel:
  """Log-mel energies as Kaldi and AST compute them, shifted and scaled.

  In place of `LogMel` where a checkpoint was trained on these. A frame begins,
  not ends up centred, at every `hop`-th sample; its mean is taken off, then
  `preemphasis` of each sample's predecessor, and a symmetric Hann window lies
  on it. https://github.com/kaldi-asr/kaldi/blob/master/src/feat/feature-fbank.h
  and `ASTFeatureExtractor` of
  https://github.com/huggingface/transformers/blob/main/src/transformers/models/audio_spectrogram_transformer/feature_extraction_audio_spectrogram_transformer.py
  """

  sample_rate: int = 16_000
  """Samples a second."""
  window: int = 400
  """Samples of a frame (400 at 16 kHz: 25 ms)."""
  hop: int = 160
  """Samples from one frame to the next."""
  n_fft: int = 512
  """Length of the Fourier transform; a frame is filled up with zeros."""
  mels: int = 128
  """Mel bands."""
  fmin: float = 20.0
  """Lowest frequency, Hz."""
  fmax: float | None = None
  """Highest frequency, Hz; None is half the sample rate."""
  preemphasis: float = 0.97
  """How much of each sample's predecessor is taken off it."""
  floor: float = float(np.finfo(np.float32).eps)
  """Power below which everything counts as silence."""
  mean: float = -4.2677393
  """Subtracted from the logarithm: AudioSet's by default."""
  std: float = 4.5689974
  """The logarithm is divided by twice of it."""
  length: int | None = None
  """Frames of every clip: longer ones are cut, and shorter ones filled up with
  power 1, which then is as real as the rest. None gives each its own."""

  def __post_init__(self):
    """Checks the lengths and the frequencies."""
    if self.window > self.n_fft:
      raise ValueError(
        f'window {self.window} is longer than n_fft {self.n_fft}'
      )
    top = self.sample_rate / 2
    fmax = top if self.fmax is None else self.fmax
    if not 0 <= self.fmin < fmax <= top:
      raise ValueError(
        f'fmin {self.fmin} and fmax {fmax} must lie in order between 0 and '
        f'half of sample_rate {self.sample_rate}'
      )

  def frames(self, samples: int) -> int:
    """Frames of an array of so many samples."""
    return self._whole(samples) if self.length is None else self.length

  def mel(self, waveform: Float[Array, 'b s']) -> Float[Array, 'b f mels']:
    """The mel power of all whole frames, before the logarithm."""
    count = self._whole(waveform.shape[1])
    if self.length is not None:
      count = min(count, self.length)
    first = np.arange(count)[:, None] * self.hop
    x = waveform[:, first + np.arange(self.window)[None]]
    x = x - x.mean(axis=-1, keepdims=True)
    # The first sample stands for its own predecessor.
    before = jnp.concatenate([x[..., :1], x[..., :-1]], axis=-1)
    x = x - self.preemphasis * before
    x = x * np.hanning(self.window)[None, None].astype(np.float32)
    spectrum = jnp.fft.rfft(x, self.n_fft)
    power = spectrum.real**2 + spectrum.imag**2
    bank = kaldi_filter_bank(
      sample_rate=self.sample_rate,
      n_fft=self.n_fft,
      mels=self.mels,
      fmin=self.fmin,
      fmax=self.fmax,
    )
    return jnp.matmul(
      power, bank.astype(np.float32), precision=jax.lax.Precision.HIGHEST
    )

  def __call__(
    self, waveform: Float[Array, 'b s'], mask: Bool[Array, 'b s']
  ) -> tuple[Float[Array, 'b f mels'], Bool[Array, 'b f']]:
    """Computes the features and which frames are real.

    A frame is real when its last sample is. With `length` all frames of a clip
    are, if any of its samples is.

    Args:
      waveform: samples, any value where masked.
      mask: True where a sample is real.

    Returns:
      Features, zero where masked, and their mask.
    """
    mel = self.mel(where_real(waveform.astype(jnp.float32), mask))
    real = mask[:, self.window - 1 :: self.hop][:, : mel.shape[1]]
    log = where_real(jnp.log(jnp.maximum(mel, self.floor)), real)
    if self.length is not None:
      fill = self.length - log.shape[1]
      log = jnp.pad(log, ((0, 0), (0, fill), (0, 0)))
      real = jnp.broadcast_to(present(mask)[:, None], log.shape[:2])
    return where_real((log - self.mean) / (2 * self.std), real), real

  def _whole(self, samples: int) -> int:
    return max(0, 1 + (samples - self.window) // self.hop)
