"""Detection as the prediction of a set: which token answers for which thing."""

import dataclasses

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from mmjax.objectives.heads import pick_head, real_weight
from mmjax.types import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetPrediction:
  """Matches tokens to things one to one, and moves each towards its own.

  The matching is the cheapest of all, by the Hungarian algorithm, on what it
  would cost to answer for a thing; it is a constant to the gradient. DETR
  (https://arxiv.org/abs/2005.12872), with the focal loss of classes and the
  cost of Deformable DETR (https://arxiv.org/abs/2010.04159, appendix A.4).

  Targets are integers `[b m]`, negative where there is no further thing, and
  their boxes `[b m 4]`: left, top, right, bottom. Means are over things, and an
  example without any counts as if it had one.
  """

  head: str = 'things'
  """Which of the model's outputs are the classes' logits, `[b n classes]`."""
  boxes_head: str = 'boxes'
  """Which are the boxes, `[b n 4]`."""
  target: str = 'things'
  """Batch key of the classes of the things."""
  boxes: str = 'boxes'
  """Batch key of their boxes."""
  of_class: float = 2.0
  """Factor of the classes, in the cost of a match and in the loss."""
  of_place: float = 5.0
  """Factor of the distance of a box's four numbers."""
  of_overlap: float = 2.0
  """Factor of the generalised intersection over union."""
  needs: tuple[str, ...] = ()
  """Modalities without which an example does not count."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes three terms: the head's, `place` and `overlap`.

    Raises:
      ValueError: the model has no such heads, or fewer tokens than things.
    """
    del axis_name  # Each example stands alone.
    logits = pick_head(outputs, self.head)
    boxes = pick_head(outputs, self.boxes_head)
    target = batch[self.target]
    if boxes.shape[1] < target.shape[1]:
      raise ValueError(
        f'{boxes.shape[1]} tokens of head {self.boxes_head!r} for up to '
        f'{target.shape[1]} things'
      )
    real = target >= 0
    # Before anything is computed: what stands there may be NaN.
    truth = jnp.where(real[..., None], batch[self.boxes], 0.5)
    truth = truth.astype(boxes.dtype)
    classes = jnp.where(real, target, 0)
    cost = jax.vmap(self._cost)(logits, boxes, classes, truth, real)
    token = jax.vmap(match)(jax.lax.stop_gradient(cost))
    found = jnp.take_along_axis(boxes, token[..., None], axis=1)
    # A place without a thing points nowhere: its one-hot row is all zero.
    place = jnp.where(real, token, -1)
    answers = jnp.einsum(
      'bmn,bmc->bnc',
      jax.nn.one_hot(place, boxes.shape[1], dtype=logits.dtype),
      jax.nn.one_hot(classes, logits.shape[-1], dtype=logits.dtype),
    )
    focal = optax.sigmoid_focal_loss(logits, answers, alpha=0.25, gamma=2.0)
    apart = jnp.abs(found - truth).sum(axis=-1)
    overlap = 1 - generalised_iou(found, truth)
    count = real.sum(axis=1)
    weight = real_weight(batch, self.needs)
    divisor = jnp.maximum(count, 1).astype(logits.dtype)

    def mean(x: Float[Array, 'b m']) -> Float[Array, ' b']:
      return jnp.where(real, x, 0.0).sum(axis=1) / divisor

    return {
      self.head: Term(
        self.of_class * focal.sum(axis=(1, 2)) / divisor, weight * divisor
      ),
      'place': Term(self.of_place * mean(apart), weight * count),
      'overlap': Term(self.of_overlap * mean(overlap), weight * count),
    }

  def _cost(
    self,
    logits: Float[Array, 'n classes'],
    boxes: Float[Array, 'n 4'],
    classes: Int[Array, ' m'],
    truth: Float[Array, 'm 4'],
    real: Bool[Array, ' m'],
  ) -> Float[Array, 'n m']:
    yes = optax.sigmoid_focal_loss(
      logits, jnp.ones_like(logits), alpha=0.25, gamma=2.0
    )
    no = optax.sigmoid_focal_loss(
      logits, jnp.zeros_like(logits), alpha=0.25, gamma=2.0
    )
    apart = jnp.abs(boxes[:, None] - truth[None]).sum(axis=-1)
    overlap = generalised_iou(boxes[:, None], truth[None])
    cost = (
      self.of_class * (yes - no)[:, classes]
      + self.of_place * apart
      - self.of_overlap * overlap
    )
    # Whichever token it is given to: what is no thing changes no match.
    return jnp.where(real[None], cost, 0.0)


def match(cost: Float[Array, 'n m']) -> Int[Array, ' m']:
  """The row of each column, all different, of the least sum of costs.

  Example:
    >>> import jax.numpy as jnp
    >>> match(jnp.array([[1.0, 2.0], [0.0, 3.0], [5.0, 5.0]])).tolist()
    [1, 0]
  """
  rows, columns = optax.assignment.hungarian_algorithm(cost)
  return jnp.zeros(cost.shape[1], rows.dtype).at[columns].set(rows)


def generalised_iou(
  a: Float[Array, '*x 4'], b: Float[Array, '*y 4']
) -> Float[Array, '*z']:
  """Intersection over union, less the empty share of the box around both.

  Boxes are left, top, right, bottom. From -1, far apart, to 1, the same
  (https://arxiv.org/abs/1902.09630, algorithm 1).
  """
  union_of = jnp.maximum(a[..., 2:], b[..., 2:])
  around = jnp.prod(union_of - jnp.minimum(a[..., :2], b[..., :2]), axis=-1)
  sides = jnp.minimum(a[..., 2:], b[..., 2:]) - jnp.maximum(
    a[..., :2], b[..., :2]
  )
  both = jnp.prod(jnp.maximum(sides, 0), axis=-1)
  union = jnp.prod(a[..., 2:] - a[..., :2], axis=-1) - both
  union = union + jnp.prod(b[..., 2:] - b[..., :2], axis=-1)
  tiny = jnp.finfo(a.dtype).tiny
  around = jnp.maximum(around, tiny)
  return both / jnp.maximum(union, tiny) - (around - union) / around
