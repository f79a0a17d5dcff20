"""Whisper's encoder: a log-mel spectrogram, two convolutions, a Transformer."""

from collections.abc import Callable

import flax.linen as nn
from jaxtyping import Array, Bool, Float

from mmjax.encoders.sequence import SequenceEncoder
from mmjax.layers.doors import follow_kernel
from mmjax.layers.embed import SinCosPositions
from mmjax.layers.spec_augment import SpecAugment
from mmjax.layers.style import gelu
from mmjax.layers.whisper import WhisperMel
from mmjax.masking import where_real
from mmjax.types import Tokens


class SpeechTransformer(SequenceEncoder):
  """Transformer over every other frame of a log-mel spectrogram.

  Whisper, section 2.2 (https://arxiv.org/abs/2212.04356).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> audio = jnp.zeros((1, 16_000))
    >>> encoder = SpeechTransformer(width=64, depth=2, heads=2)
    >>> tokens, params = encoder.init_with_output(
    ...     jax.random.key(0), audio, audio == 0)
    >>> tokens.x.shape
    (1, 50, 64)
  """

  spectrogram: Callable[..., tuple[Array, Array]] = WhisperMel()
  """`(audio, mask) -> (frames, mask)`: WhisperMel or LogMel."""
  augment: SpecAugment | None = None
  """What training hides of the frames; nothing if None."""
  kernel: int = 3
  """Frames that each of the two convolutions sees."""
  activation: Callable[[Array], Array] = gelu
  """Nonlinearity behind each."""
  positions: nn.Module = SinCosPositions()
  """`(grid, width) -> [n d]`: SinCosPositions, LearnedPositions or
  StoredPositions."""

  @nn.compact
  def __call__(
    self,
    audio: Float[Array, 'b s *mels'],
    mask: Bool[Array, 'b s'],
    *,
    train: bool = False,
  ) -> Tokens:
    """Encodes waveforms.

    Args:
      audio: samples in -1..1, any value where masked, or what else the
        `spectrogram` takes.
      mask: True where a sample is real.
      train: whether dropout is on.

    Returns:
      A token for each second frame.
    """
    x, real = self.spectrogram(audio, mask)
    if self.augment is not None:
      x = self.augment(x, real, train=train)
    for i, stride in enumerate((1, 2)):
      x = nn.Conv(
        self.width,
        (self.kernel,),
        strides=(stride,),
        padding=[((self.kernel - 1) // 2, self.kernel // 2)],
        promote_dtype=follow_kernel,
        name=f'conv_{i}',
      )(where_real(x, real))
      x, real = self.activation(x), real[:, ::stride]
    positions = self.positions((x.shape[1],), self.width)
    x = x + positions.astype(x.dtype)[None]
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    return self.transform(Tokens(x, real), train=train)
