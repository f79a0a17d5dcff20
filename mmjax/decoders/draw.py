"""Drawing a picture for each example of a batch, as an evaluator asks for."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.decoders.solvers import Heun
from mmjax.decoders.steps import bare
from mmjax.types import Batch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draw:
  """Follows a model's velocities from noise to pictures: `Samples.decode`.

  With guidance `g` they are `v(nothing) + g (v(words) - v(nothing))`, g = 1
  being the words alone, and g > 1 more than they say: recognised more often,
  but more alike. Classifier-Free Diffusion Guidance
  (https://arxiv.org/abs/2207.12598).
  """

  solver: Any = Heun()
  """`(velocity, noise) -> pictures`: Euler or Heun."""
  guidance: float = 1.5
  """How much more than nothing the words count."""
  seed: int = 0
  """Of the noise; each example draws by its own index."""

  def __call__(
    self, model: nn.Module, variables: Any, batch: Batch
  ) -> dict[str, Float[Array, 'b h w c']]:
    """Draws; the batch needs no pictures.

    Args:
      model: has `context(batch)`, `velocity(x, time, context)`, and the `shape`
        and `modality` of its pictures: TextToImage.
      variables: of the model.
      batch: what says what to draw; with `draw`, a number for each example,
        another number is another picture.

    Returns:
      Pictures in 0..1, by the modality's name.
    """
    drawn: Any
    drawn, variables = bare(model, variables)
    context: Any = drawn.apply(variables, batch, method='context')
    nothing = context._replace(mask=jnp.zeros_like(context.mask))
    rows = len(context.x)

    def given(context, x, time):
      times = jnp.broadcast_to(time, (rows,))
      return drawn.apply(variables, x, times, context, method='velocity')

    def velocity(x, time):
      if self.guidance == 1:
        return given(context, x, time)
      # Two calls, not one of twice the batch: rows stay on their devices.
      here = given(nothing, x, time)
      if self.guidance == 0:
        return here
      return here + self.guidance * (given(context, x, time) - here)

    def noise(index, draw):
      key = jax.random.fold_in(jax.random.key(self.seed), draw)
      shape = tuple(drawn.shape)
      return jax.random.normal(jax.random.fold_in(key, index), shape)

    draws = batch.get('draw', jnp.zeros(rows, jnp.int32))
    x = self.solver(velocity, jax.vmap(noise)(batch['index'], draws))
    return {drawn.modality: jnp.clip(x / 2 + 0.5, 0, 1)}
