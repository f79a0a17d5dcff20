"""Connectionist temporal classification: a text, no matter when it is said."""

import dataclasses

import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Int

from mmjax.masking import where_real
from mmjax.objectives.heads import pick_head
from mmjax.types import Batch, Outputs, Term

# Optax takes 1e5 for minus the logarithm of nothing.
_NO_ALIGNMENT = 5e4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ctc:
  """Minus the log-probability of a text under all its alignments, per token.

  Connectionist Temporal Classification
  (https://www.cs.toronto.edu/~graves/icml_2006.pdf). A text that has more
  tokens than there are frames to say them has no alignment, and does not count.
  """

  head: str = 'transcript'
  """Head that gives logits of each frame, `[b f vocabulary]`: a `TokenHead`
  with this `blank`, so that masked frames say nothing."""
  target: str = 'text'
  """Batch key of the ids of the text, and of their mask."""
  blank: int = 0
  """Id that stands for saying nothing new."""
  first_id: int = 4
  """Smallest id of a word or byte; smaller ones are not said."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes one term, named after the head.

    Raises:
      ValueError: there is no such head.
    """
    del axis_name  # Each example stands alone.
    logits = pick_head(outputs, self.head)
    ids, real = labels(
      batch[self.target], batch['mask'][self.target], first_id=self.first_id
    )
    loss = optax.ctc_loss(
      logits,
      jnp.zeros(logits.shape[:2]),
      ids,
      1.0 - real,
      blank_id=self.blank,
    )
    count = real.sum(axis=1)
    fits = loss < _NO_ALIGNMENT
    mean = jnp.where(fits, loss / jnp.maximum(count, 1), 0.0)
    return {self.head: Term(mean, batch['weight'] * count * fits)}


def labels(
  ids: Int[Array, 'b t'], mask: Bool[Array, 'b t'], *, first_id: int
) -> tuple[Int[Array, 'b t'], Bool[Array, 'b t']]:
  """What is said, from the left on, and which of it is real; 0 elsewhere."""
  real = mask & (ids >= first_id)
  order = jnp.argsort(~real, axis=1, stable=True)
  real = jnp.take_along_axis(real, order, axis=1)
  return where_real(jnp.take_along_axis(ids, order, axis=1), real), real
