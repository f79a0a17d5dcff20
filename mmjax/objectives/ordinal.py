"""Ordinal regression: classes that stand in an order, such as grades."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.objectives.heads import pick_head, real_weight
from mmjax.types import Batch, Outputs, Term

# Where two thresholds all but meet, the class between them keeps this gap.
_LEAST_GAP = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ordinal:
  """Loss of a rank, given a logit for each of the thresholds below it.

  A head has one logit less than there are ranks: logit `k` says whether the
  target is above `k`, and is `score - threshold_k` (`OrdinalHead`). Targets
  `[b]` count from 0; negative where unknown.

  `cumulative` is the likelihood of the proportional-odds model, in which
  `P(target > k) = sigmoid(logit_k)`: McCullagh 1980
  (https://doi.org/10.1111/j.2517-6161.1980.tb01109.x). `coral` sums the binary
  cross-entropies of the thresholds, each for itself: CORAL, equation 5
  (https://arxiv.org/abs/1901.07884).
  """

  head: str = 'rank'
  """Which of the model's logits."""
  target: str = 'rank'
  """Batch key of the targets."""
  kind: Literal['cumulative', 'coral'] = 'cumulative'
  """Likelihood of the rank, or a decision at each threshold."""
  needs: tuple[str, ...] = ()
  """Modalities without which an example does not count."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes one term, named after the head.

    Raises:
      ValueError: the model has no such head, or the targets are mixed.
    """
    del axis_name  # Each example stands alone.
    logits = pick_head(outputs, self.head)
    target = batch[self.target]
    if target.ndim != 1:
      raise ValueError(
        f'{self.target} {list(target.shape)} is no rank of each example: '
        'ranks cannot be mixed'
      )
    known = target >= 0
    target = jnp.where(known, target, 0)
    weight = jnp.where(known, real_weight(batch, self.needs), 0.0)
    if self.kind == 'cumulative':
      log_p = log_probabilities(logits)
      loss = -jnp.take_along_axis(log_p, target[:, None], axis=1)[:, 0]
    else:
      above = target[:, None] > jnp.arange(logits.shape[1])[None]
      signed = jnp.where(above, logits, -logits)
      loss = -jax.nn.log_sigmoid(signed).sum(axis=1)
    return {self.head: Term(loss, weight)}


def log_probabilities(
  logits: Float[Array, 'b thresholds'],
) -> Float[Array, 'b ranks']:
  """Log-probability of each rank in the proportional-odds model.

  Args:
    logits: of being above each threshold; they fall along the second axis.

  Returns:
    `log(sigmoid(logit_{k-1}) - sigmoid(logit_k))`, without cancellation.
  """
  # sigmoid(u) - sigmoid(v) = sigmoid(u) sigmoid(-v) (1 - exp(v - u)).
  edge = jnp.zeros((len(logits), 1), logits.dtype)
  above = jnp.concatenate([edge, jax.nn.log_sigmoid(logits)], axis=1)
  below = jnp.concatenate([jax.nn.log_sigmoid(-logits), edge], axis=1)
  gap = jnp.maximum(logits[:, :-1] - logits[:, 1:], _LEAST_GAP)
  between = jnp.log(-jnp.expm1(-gap))
  return above + below + jnp.pad(between, ((0, 0), (1, 1)))
