"""Supervised objectives: a head's logits against what the data says."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Int

from mmjax.objectives.heads import pick_head, real_weight
from mmjax.types import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classification:
  """Cross-entropy of a head's logits.

  `softmax` wants one class of several: integer targets `[b]`, or probabilities
  `[b classes]`, negative where unknown. `sigmoid` decides each class alone:
  targets in 0..1 as the logits `[b classes]`, or `[b]` for one class; negative
  where unknown.

  For classes of unequal size there are `class_weights`, and `focusing`, which
  makes it the focal loss (https://arxiv.org/abs/1708.02002, equation 4): the
  loss of each target class times `(1 - p) ** focusing`, where `p` is its
  probability.
  """

  head: str = 'label'
  """Which of the model's logits."""
  target: str = 'label'
  """Batch key of the targets."""
  kind: Literal['softmax', 'sigmoid'] = 'softmax'
  """One class of several, or each class alone."""
  label_smoothing: float = 0.0
  """Share of the target that is spread over all classes."""
  class_weights: tuple[float, ...] = ()
  """How much an example of each class counts (softmax), or a class's positive
  examples against its negative ones (sigmoid); empty for 1."""
  focusing: float = 0.0
  """Exponent of the focal loss: the larger, the less easy examples matter."""
  needs: tuple[str, ...] = ()
  """Modalities without which an example does not count."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    if not 0 <= self.label_smoothing <= 1:
      raise ValueError(f'label_smoothing {self.label_smoothing} not in [0, 1]')
    if self.focusing < 0:
      raise ValueError(f'focusing {self.focusing} is negative')
    if min(self.class_weights, default=0) < 0:
      raise ValueError(f'class_weights {self.class_weights} has a negative one')

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes one term, named after the head.

    Raises:
      ValueError: the model has no such head, or one for another number of
        classes than there are `class_weights`.
    """
    del axis_name  # Each example stands alone.
    logits = pick_head(outputs, self.head)
    classes = logits.shape[-1]
    if self.class_weights and len(self.class_weights) != classes:
      raise ValueError(
        f'{len(self.class_weights)} class_weights for the {classes} classes of '
        f'head {self.head!r}'
      )
    compute = self._softmax if self.kind == 'softmax' else self._sigmoid
    loss, weight = compute(logits, batch[self.target])
    weight = weight * real_weight(batch, self.needs)
    return {self.head: Term(loss, weight)}

  def _softmax(self, logits, target):
    if target.ndim < logits.ndim:
      known = target >= 0
      labels = jax.nn.one_hot(jnp.where(known, target, 0), logits.shape[-1])
    else:
      known = (target >= 0).all(axis=-1)
      labels = jnp.where(known[..., None], target, 0.0).astype(logits.dtype)
    sharp = labels
    labels = optax.smooth_labels(labels, self.label_smoothing)
    log_p = jax.nn.log_softmax(logits)
    loss = -(labels * self._focus(log_p) * log_p).sum(axis=-1)
    weight = jnp.ones(loss.shape)
    if self.class_weights:
      weights = jnp.asarray(self.class_weights, sharp.dtype)
      weight = jnp.dot(sharp, weights, precision='highest')
    return loss, jnp.where(known, weight, 0.0)

  def _sigmoid(self, logits, target):
    target = target.reshape(logits.shape).astype(logits.dtype)
    known = target >= 0
    smooth = self.label_smoothing
    labels = jnp.where(known, target, 0) * (1 - smooth) + smooth / 2
    yes, no = jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)
    positive = jnp.asarray(self.class_weights or (1.0,))[None]
    losses = -(
      positive * labels * self._focus(yes) * yes
      + (1 - labels) * self._focus(no) * no
    )
    known_any = known.any(axis=-1).astype(logits.dtype)
    return jnp.where(known, losses, 0.0).sum(axis=-1), known_any

  def _focus(self, log_p):
    """`(1 - p) ** focusing`, with a finite slope where p is 1."""
    if not self.focusing:
      return jnp.ones((), log_p.dtype)
    rest = jnp.maximum(-jnp.expm1(log_p), jnp.finfo(log_p.dtype).tiny)
    return rest**self.focusing


def balanced_weights(
  counts: Sequence[int] | Int[np.ndarray, ' classes'],
) -> tuple[float, ...]:
  """Class weights under which all classes count the same together.

  They are `total / (classes * count)`, so that an example's is 1 on average:
  scikit-learn's `class_weight='balanced'`.

  Example:
    >>> balanced_weights([30, 10])
    (0.6666666666666666, 2.0)

  Args:
    counts: training examples of each class.

  Raises:
    ValueError: a class has none.
  """
  if min(counts, default=0) < 1:
    raise ValueError(f'counts {tuple(counts)}: each class needs an example')
  total = float(np.sum(counts))
  return tuple(total / (len(counts) * float(count)) for count in counts)
