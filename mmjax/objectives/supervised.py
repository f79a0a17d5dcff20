"""Supervised objectives: a head's logits against what the data says."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import optax

from mmjax.masking import present
from mmjax.types import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classification:
  """Cross-entropy of a head's logits.

  `softmax` wants one class of several: integer targets `[b]`, negative where
  unknown. `sigmoid` decides each class alone: targets in 0..1 as the logits
  `[b classes]`, or `[b]` for one class; negative where unknown.
  """

  head: str = 'label'
  """Which of the model's logits."""
  target: str = 'label'
  """Batch key of the targets."""
  kind: Literal['softmax', 'sigmoid'] = 'softmax'
  """One class of several, or each class alone."""
  label_smoothing: float = 0.0
  """Share of the target that is spread over all classes."""
  needs: tuple[str, ...] = ()
  """Modalities without which an example does not count."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes one term, named after the head.

    Raises:
      ValueError: the model has no such head.
    """
    del axis_name  # Each example stands alone.
    if self.head not in outputs['logits']:
      raise ValueError(
        f'no head {self.head!r}, the model has {sorted(outputs["logits"])}'
      )
    logits = outputs['logits'][self.head]
    target = batch[self.target]
    compute = self._softmax if self.kind == 'softmax' else self._sigmoid
    loss, known = compute(logits, target)
    for name in self.needs:
      known = known & present(batch['mask'][name])
    weight = jnp.where(known, batch['weight'], 0.0)
    return {self.head: Term(loss, weight)}

  def _softmax(self, logits, target):
    known = target >= 0
    labels = jax.nn.one_hot(jnp.where(known, target, 0), logits.shape[-1])
    labels = optax.smooth_labels(labels, self.label_smoothing)
    return optax.softmax_cross_entropy(logits, labels), known

  def _sigmoid(self, logits, target):
    target = target.reshape(logits.shape).astype(logits.dtype)
    known = target >= 0
    smooth = self.label_smoothing
    labels = jnp.where(known, target, 0) * (1 - smooth) + smooth / 2
    losses = optax.sigmoid_binary_cross_entropy(logits, labels)
    return jnp.where(known, losses, 0.0).sum(axis=-1), known.any(axis=-1)
