"""An objective whose weight in the total is learned."""

import dataclasses
from typing import Any

import jax.numpy as jnp

from mmjax.collectives import Axis
from mmjax.masking import full_precision
from mmjax.types import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class Uncertainty:
  """Another objective, weighted by how sure the model is of that task.

  Its part of the total becomes `exp(-s) * objective.weight * mean + s / 2`,
  where `s` is the model's learned log-variance of the task (`TaskWeights`). At
  its optimum the first summand is 1/2 whatever the scale of the loss. With
  `objective.weight` 1/2 for a squared error, and 1 for a cross-entropy, these
  are equations 7 and 10 of Multi-Task Learning Using Uncertainty to Weigh
  Losses (https://arxiv.org/abs/1705.07115).
  """

  objective: Any
  """What is weighted; its own `weight` stays a factor of its loss."""
  task: str
  """Name of the task among the model's."""
  weight: float = 1.0
  """Factor of this objective in the total; it acts on `s / 2`, too."""

  @property
  def by_device(self) -> bool:
    """Whether the objective works on each device's own rows."""
    return getattr(self.objective, 'by_device', False)

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: Axis = None
  ) -> dict[str, Term]:
    """Computes the objective's terms, weighted.

    Raises:
      ValueError: the model has no such task.
    """
    learned = outputs.get('shared', {}).get('log_variances', {})
    if self.task not in learned:
      raise ValueError(
        f'no task {self.task!r}, the model learns weights of {sorted(learned)}'
      )
    s = full_precision(learned[self.task])
    factor = jnp.exp(-s) * self.objective.weight
    terms = self.objective(outputs, batch, axis_name=axis_name)

    def weighted(term: Term) -> Term:
      # What does not count may be NaN, which must not get into the slope of s.
      loss = jnp.where(term.weight > 0, term.loss, 0.0)
      # A share of s / 2 in each example: it adds up to s / 2 in the mean.
      return Term(factor * loss + s / 2, term.weight)

    return {name: weighted(term) for name, term in terms.items()}
