"""Regression: a head's numbers against those of the data."""

import dataclasses
from typing import Literal

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from mmjax.objectives.heads import pick_head, real_weight
from mmjax.types import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class Regression:
  """Absolute, squared or Huber's loss of a head's numbers.

  Targets are floats, `[b outputs]`, or `[b]` for one output; NaN where unknown.
  The head predicts `(target - mean) / std`, so that it starts in the right
  range; give the same two to the evaluator.

  Robust Estimation of a Location Parameter, Huber 1964
  (https://doi.org/10.1214/aoms/1177703732).
  """

  head: str = 'value'
  """Which of the model's outputs."""
  target: str = 'value'
  """Batch key of the targets."""
  kind: Literal['l1', 'l2', 'huber'] = 'l2'
  """Absolute or squared error; or half the square up to `delta`, and then a
  straight line of slope `delta`."""
  delta: float = 1.0
  """Error, in units of `std`, from which Huber's loss is straight."""
  mean: float = 0.0
  """Subtracted from the targets."""
  std: float = 1.0
  """The targets are divided by it."""
  needs: tuple[str, ...] = ()
  """Modalities without which an example does not count."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    for name in ('delta', 'std'):
      if getattr(self, name) <= 0:
        raise ValueError(f'{name} {getattr(self, name)} is not positive')

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes one term, named after the head: the sum over its outputs.

    Raises:
      ValueError: the model has no such head.
    """
    del axis_name  # Each example stands alone.
    predicted = pick_head(outputs, self.head)
    target = batch[self.target].reshape(predicted.shape)
    known = jnp.isfinite(target)
    target = (jnp.where(known, target, 0.0) - self.mean) / self.std
    # Before the loss: an infinite slope times zero would not be zero.
    error = jnp.where(known, predicted - target.astype(predicted.dtype), 0.0)
    weight = real_weight(batch, self.needs)
    weight = jnp.where(known.any(axis=-1), weight, 0.0)
    return {self.head: Term(self._loss(error).sum(axis=-1), weight)}

  def _loss(self, error: Float[Array, 'b m']) -> Float[Array, 'b m']:
    if self.kind == 'l1':
      return jnp.abs(error)
    if self.kind == 'l2':
      return error**2
    return optax.huber_loss(error, delta=self.delta)
