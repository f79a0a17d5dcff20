"""Pictures from words: an encoder of what is said, a decoder that draws it."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.decoders.solvers import Heun
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

  Without `train` a solver follows the predicted velocities from noise to a
  picture. With guidance `g` they are `v(nothing) + g (v(words) - v(nothing))`,
  g = 1 being the words alone and g > 1 more than they say: classifier-free
  guidance (https://arxiv.org/abs/2207.12598). What is drawn from nothing is
  learned from examples that lack their words: let training hide them from one
  in ten, with `drop_modalities={'text': 0.1, 'image': 0.0}` in the config.
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
  solver: Any = Heun()
  """What follows the velocities: Euler or Heun."""
  guidance: float = 2.0
  """How much more than nothing the words count in drawing."""

  def __post_init__(self):
    """Checks that the picture is not drawn from itself."""
    if self.modality in self.encoders:
      raise ValueError(f'{self.modality!r} is both drawn and encoded')
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Gives `tokens`, and `flow` in training or else `generated`.

    `flow`, by modality, has `prediction` and `target`, `[b h w c]`, and
    `weight` `[b]`, 0 where there is no picture. `generated`, by modality, is
    pictures in 0..1; batches for drawing need no pictures. Which picture an
    example gets follows from its `index`, and from its `draw` if the batch has
    that: another number, another picture. The batch may also have a `guidance`
    for each example.

    Raises:
      ValueError: the pictures have another shape than `shape`.
    """
    tokens = encode(self.encoders, batch, train=train)
    context = join(*tokens.values())
    if train or self.is_initializing():
      flow = self._flow(batch, context, train)
      return {'tokens': tokens, 'flow': {self.modality: flow}}
    drawn = self._generate(batch, context)
    return {'tokens': tokens, 'generated': {self.modality: drawn}}

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

  def _generate(self, batch: Batch, context: Tokens) -> Float[Array, 'b h w c']:
    rows = len(context.x)
    # Loops see parameters as values, not as a module's.
    decoder, variables = self.decoder.unbind()
    nothing = context._replace(mask=jnp.zeros_like(context.mask))
    guidance = batch.get('guidance', self.guidance)

    def velocity(x, time):
      def given(context):
        times = jnp.broadcast_to(time, (rows,))
        return decoder.apply(variables, x, times, context)

      # Two calls, not one of twice the batch: rows stay on their devices.
      if 'guidance' in batch:
        there, here = given(context), given(nothing)
        return here + guidance[:, None, None, None] * (there - here)
      if guidance == 1:
        return given(context)
      here = given(nothing)
      return here + guidance * (given(context) - here) if guidance else here

    draws = batch.get('draw', jnp.zeros(rows, jnp.int32))

    def noise(index, draw):
      key = jax.random.fold_in(
        jax.random.fold_in(jax.random.key(0), draw), index
      )
      return jax.random.normal(key, tuple(self.shape))

    x = self.solver(velocity, jax.vmap(noise)(batch['index'], draws))
    return jnp.clip(x / 2 + 0.5, 0, 1)
