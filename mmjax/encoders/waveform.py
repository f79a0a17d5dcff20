"""wav2vec 2.0: a waveform as frames that see each other."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mmjax.encoders.sequence import SequenceEncoder
from mmjax.layers.waveform import ConvPositions, WaveformDoor
from mmjax.masking import where_real
from mmjax.types import Tokens


class WaveformTransformer(SequenceEncoder):
  """Transformer over frames that convolutions make of the samples.

  A clip gives the same tokens whatever the length of the array that holds it.

  wav2vec 2.0 (https://arxiv.org/abs/2006.11477).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> audio = jnp.zeros((1, 16_000))
    >>> encoder = WaveformTransformer(
    ...     door=WaveformDoor(widths=(32,) * 7), width=64, depth=2, heads=2)
    >>> tokens, params = jax.eval_shape(
    ...     encoder.init_with_output, jax.random.key(0), audio, audio == 0)
    >>> tokens.x.shape
    (1, 49, 64)
  """

  door: nn.Module = WaveformDoor()
  """`(audio, mask) -> (frames, mask)`."""
  positions: nn.Module = ConvPositions()
  """`(x, mask) -> [b f d]`, added to the frames."""
  epsilon: float = 1e-5
  """Added to the variance by the norm behind the door."""
  mask_token: bool = False
  """Whether there is a learned vector for frames that are hidden."""
  mask_rate: float = 0.0
  """Probability that a span of hidden frames begins at a frame in training;
  they get the `mask_token`."""
  mask_length: int = 10
  """Frames of a span."""

  def __post_init__(self):
    """Checks that something stands for what is hidden."""
    if self.mask_rate and not self.mask_token:
      raise ValueError(f'mask_rate {self.mask_rate} needs a mask_token')
    super().__post_init__()

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
      audio: samples, any value where masked.
      mask: True where a sample is real.
      train: whether dropout is on, and frames are hidden.

    Returns:
      A token for each whole frame.
    """
    x, real = self.door(audio, mask)
    x = nn.LayerNorm(epsilon=self.epsilon, name='frame_norm')(x)
    x = nn.Dense(self.width, name='frames')(x)
    if self.mask_token:
      init = nn.initializers.uniform(1.0)
      token = self.param('mask_token', init, (self.width,))
      if train and self.mask_rate:
        hidden = self._spans(real)[..., None]
        x = jnp.where(hidden, token.astype(x.dtype)[None, None], x)
    x = where_real(x, real)
    x = x + self.positions(x, real).astype(x.dtype)
    return self.transform(Tokens(x, real), train=train)

  def _spans(self, real: Bool[Array, 'b f']) -> Bool[Array, 'b f']:
    """Which frames are hidden: one of the last `mask_length` begins a span."""
    # What is dropped follows from each example, wherever it is computed.
    draw = nn.Dropout(self.mask_rate, deterministic=False)
    begins = draw(jnp.ones(real.shape)) == 0
    count = jnp.cumsum(begins, axis=1)
    before = jnp.pad(count, ((0, 0), (self.mask_length, 0)))
    return count > before[:, : real.shape[1]]
