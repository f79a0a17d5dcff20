"""Pictures from words: an encoder of what is said, a decoder that draws it."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.decoders.times import UniformTimes
from mmjax.fusion.project import join
from mmjax.layers.pixels import normalize_pixels
from mmjax.models.aligned import encode
from mmjax.types import Batch, Tokens


class TextToImage(nn.Module):
  """Draws a picture for each example from the tokens of its other modalities.

  In training a picture is mixed with noise, `(1 - time) noise + time picture`,
  and the decoder predicts the velocity `picture - noise`: flow matching along
  straight lines (https://arxiv.org/abs/2210.02747,
  https://arxiv.org/abs/2209.03003). Time and noise follow from the rng stream
  `noise` and the example's `index` alone, so neither devices nor micro-batches
  change them. The objective is `FlowMatching`.

  `Draw` follows the predicted velocities from noise to a picture. Its guidance
  needs to know what is drawn from nothing, which is learned from examples that
  lack their words: let training hide them from one in ten, with
  `drop_modalities={'text': 0.1, 'image': 0.0}` in the config.
  """

  encoders: Mapping[str, nn.Module]
  """The encoder of each modality that says what to draw, equally wide."""
  decoder: nn.Module
  """`(x, time, context) -> velocity`: FlowTransformer."""
  shape: tuple[int, int, int]
  """Height, width and channels of the pictures."""
  modality: str = 'image'
  """What is drawn."""
  times: Any = UniformTimes()
  """Which times training looks at: UniformTimes or LogitNormalTimes."""

  def __post_init__(self):
    """Checks that the picture is not drawn from itself."""
    if self.modality in self.encoders:
      raise ValueError(f'{self.modality!r} is both drawn and encoded')
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Gives `tokens`, and in training `flow`, by modality.

    It has `prediction` and `target`, `[b h w c]`, and `weight` `[b]`, 0 where
    there is no picture.

    Raises:
      ValueError: the pictures have another shape than `shape`.
    """
    tokens = encode(self.encoders, batch, train=train)
    if not train and not self.is_initializing():
      return {'tokens': tokens}
    flow = self._flow(batch, join(*tokens.values()), train)
    return {'tokens': tokens, 'flow': {self.modality: flow}}

  def context(self, batch: Batch) -> Tokens:
    """What says what to draw: the tokens of all encoders."""
    return join(*encode(self.encoders, batch, train=False).values())

  def velocity(
    self, x: Float[Array, 'b h w c'], time: Float[Array, ' b'], context: Tokens
  ) -> Float[Array, 'b h w c']:
    """Where noisy pictures, of about unit variance, have to go."""
    return self.decoder(x, time, context)

  def _flow(self, batch: Batch, context: Tokens, train: bool) -> dict[str, Any]:
    image, mask = batch[self.modality], batch['mask'][self.modality]
    if image.shape[1:] != tuple(self.shape):
      raise ValueError(
        f'{self.modality} is {list(image.shape[1:])}, not {list(self.shape)}'
      )
    # To -1..1, about as wide as the noise.
    half = (0.5,) * self.shape[-1]
    image = normalize_pixels(image, mask, mean=half, std=half)
    root = self.make_rng('noise') if train else jax.random.key(0)

    def draw(index):
      when, what = jax.random.split(jax.random.fold_in(root, index))
      return self.times(when), jax.random.normal(what, tuple(self.shape))

    time, noise = jax.vmap(draw)(batch['index'])
    share = time[:, None, None, None]
    noisy = (1 - share) * noise + share * image
    return {
      'prediction': self.decoder(noisy, time, context, train=train),
      'target': image - noise,
      'weight': mask.astype(jnp.float32),
    }
