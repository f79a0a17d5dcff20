"""From waveforms to log-mel spectrograms, on the device and differentiable."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from mmjax.data.mel import mel_filter_bank
from mmjax.masking import where_real


def power_spectrogram(
  waveform: Float[Array, 'b s'], *, n_fft: int, hop: int
) -> Float[Array, 'b f frequencies']:
  """Squared magnitude of the short-time Fourier transform, Hann window.

  Frame `i` is centred at sample `i * hop`; the signal is zero outside. There
  are `ceil(s / hop)` frames, one for each centre that lies in the signal.

  Args:
    waveform: samples.
    n_fft: window length in samples.
    hop: samples from one frame to the next.

  Returns:
    `n_fft // 2 + 1` powers for each frame.
  """
  samples = waveform.shape[1]
  frames = -(-samples // hop)
  padded = jnp.pad(waveform, ((0, 0), (n_fft // 2, n_fft - n_fft // 2)))
  where = np.arange(frames)[:, None] * hop + np.arange(n_fft)[None]
  # The periodic Hann window, as librosa and scipy use for spectra.
  window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
  frames = padded[:, where] * window[None, None].astype(np.float32)
  spectrum = jnp.fft.rfft(frames)
  return spectrum.real**2 + spectrum.imag**2


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogMel:
  """Natural logarithm of the mel power spectrogram, shifted and scaled.

  Mel scale and area normalisation are Slaney's, the same as
  `librosa.feature.melspectrogram(center=True, pad_mode='constant')`
  (https://librosa.org/doc/0.11.0/generated/librosa.feature.melspectrogram.html).
  """

  sample_rate: int = 16_000
  """Samples a second."""
  n_fft: int = 512
  """Window of a frame, in samples."""
  hop: int = 160
  """Samples from one frame to the next (160 at 16 kHz: 10 ms)."""
  mels: int = 64
  """Mel bands."""
  fmin: float = 0.0
  """Lowest frequency, Hz."""
  fmax: float = 8_000.0
  """Highest frequency, Hz; at most half the sample rate."""
  floor: float = 1e-6
  """Power below which everything counts as silence."""
  mean: float = -6.0
  """Subtracted from the logarithm, so that speech is near zero."""
  std: float = 4.0
  """The logarithm is divided by it."""

  def __post_init__(self):
    """Checks the frequencies."""
    if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
      raise ValueError(
        f'fmin {self.fmin} and fmax {self.fmax} must lie in order between 0 '
        f'and half of sample_rate {self.sample_rate}'
      )

  def frames(self, samples: int) -> int:
    """Frames of an array of so many samples."""
    return -(-samples // self.hop)

  def mel(self, waveform: Float[Array, 'b s']) -> Float[Array, 'b f mels']:
    """The mel power spectrogram, before the logarithm."""
    bank = mel_filter_bank(
      sample_rate=self.sample_rate,
      n_fft=self.n_fft,
      mels=self.mels,
      fmin=self.fmin,
      fmax=self.fmax,
    )
    power = power_spectrogram(waveform, n_fft=self.n_fft, hop=self.hop)
    return power @ jnp.asarray(bank, jnp.float32)

  def __call__(
    self, waveform: Float[Array, 'b s'], mask: Bool[Array, 'b s']
  ) -> tuple[Float[Array, 'b f mels'], Bool[Array, 'b f']]:
    """Computes the features and which frames are real.

    A frame is real when the sample at its centre is. What is masked counts as
    silence, and masked frames are zero.

    Args:
      waveform: samples, any value where masked.
      mask: True where a sample is real.

    Returns:
      Features and their mask; `f` is `ceil(s / hop)`.
    """
    mel = self.mel(where_real(waveform.astype(jnp.float32), mask))
    log = jnp.log(jnp.maximum(mel, self.floor))
    mask = mask[:, :: self.hop]
    return where_real((log - self.mean) / self.std, mask), mask
