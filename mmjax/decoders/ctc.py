"""From each frame's logits to a text: the decoding that goes with CTC."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from mmjax.masking import where_real
from mmjax.types import Batch


@dataclasses.dataclass(frozen=True, kw_only=True)
class CtcGreedy:
  """Takes each frame's likeliest id, once where it repeats, without blanks.

  Best path decoding, section 3.2 of Connectionist Temporal Classification
  (https://www.cs.toronto.edu/~graves/icml_2006.pdf).
  """

  head: str = 'transcript'
  """Head that gives logits of each frame, `[b f vocabulary]`: a `TokenHead`
  with this `blank`, so that masked frames say nothing."""
  blank: int = 0
  """Id that stands for saying nothing new."""

  def __call__(
    self, model: nn.Module, variables: Any, batch: Batch
  ) -> dict[str, Array]:
    """Runs the model once.

    Returns:
      `tokens`: ids `[b f]` from the left on, and their `mask`.
    """
    outputs: Any = model.apply(variables, batch, train=False)
    best = jnp.argmax(outputs['logits'][self.head], axis=-1)
    ids, mask = collapse(best, blank=self.blank)
    return {'tokens': ids, 'mask': mask}


def collapse(
  ids: Int[Array, 'b f'], *, blank: int = 0
) -> tuple[Int[Array, 'b f'], Bool[Array, 'b f']]:
  """The text that an alignment stands for: no repetitions, then no blanks.

  Args:
    ids: of the frames.
    blank: id that stands for saying nothing new.

  Returns:
    Ids from the left on, 0 behind them; and which are real.
  """
  before = jnp.pad(ids, ((0, 0), (1, 0)), constant_values=-1)[:, :-1]
  said = (ids != before) & (ids != blank)
  order = jnp.argsort(~said, axis=1, stable=True)
  said = jnp.take_along_axis(said, order, axis=1)
  return where_real(jnp.take_along_axis(ids, order, axis=1), said), said
