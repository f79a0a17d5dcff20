"""Segmentation: the class of each pixel."""

import dataclasses

import jax.numpy as jnp
import optax

from mmjax.objectives.heads import pick_head, real_weight
from mmjax.types import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class Segmentation:
  """Cross-entropy of each pixel's logits, averaged over an example's pixels.

  Targets are integers `[b h w]` for logits `[b h w classes]`, negative where
  unknown. An example counts as one, however many of its pixels are known.
  """

  head: str = 'segments'
  """Which of the model's outputs."""
  target: str = 'segments'
  """Batch key of the targets."""
  needs: tuple[str, ...] = ()
  """Modalities without which an example does not count."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes one term, named after the head.

    Raises:
      ValueError: the model has no such head, or one for other places than the
        target has.
    """
    del axis_name  # Each example stands alone.
    logits, target = pick_head(outputs, self.head), batch[self.target]
    if logits.shape[:-1] != target.shape:
      raise ValueError(
        f'head {self.head!r} has logits for {logits.shape[1:-1]} places, '
        f'target {self.target!r} has {target.shape[1:]}'
      )
    known = target >= 0
    loss = optax.softmax_cross_entropy_with_integer_labels(
      logits, jnp.where(known, target, 0)
    )
    places = tuple(range(1, loss.ndim))
    count = known.sum(axis=places)
    total = jnp.where(known, loss, 0.0).sum(axis=places)
    weight = real_weight(batch, self.needs)
    return {
      self.head: Term(
        total / jnp.maximum(count, 1), jnp.where(count > 0, weight, 0.0)
      )
    }
