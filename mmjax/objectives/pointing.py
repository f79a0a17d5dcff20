"""Pointing: which of the things in a picture is meant, and what all are."""

import dataclasses
import math

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from mmjax.objectives.heads import pick_head, real_weight
from mmjax.objectives.set_prediction import generalised_iou
from mmjax.types import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pointing:
  """The token in which a thing's middle lies answers for it.

  As in YOLO (https://arxiv.org/abs/1506.02640), so that nothing is matched.
  Each such token is to tell the thing's class, box and place, asked for or not;
  and one softmax over the tokens and none of them is to find the one that is
  meant.

  Targets are those of `mmjax.data.datasets.square`: `things` `[b m]`, negative
  where there is no further one, their `boxes` `[b m 4]` and `places` `[b m 2]`;
  and `answer` `[b]`, one of them or -1. Means are over things.
  """

  which: str = 'which'
  """Head with the logits of the tokens, that of none last, `[b n+1]`."""
  things: str = 'things'
  """Head with the logits of the classes, `[b n classes]`, and batch key."""
  boxes: str = 'boxes'
  """Head with the boxes, `[b n 4]`, and batch key."""
  places: str = 'places'
  """Head with the places in metres, `[b n 2]`, and batch key."""
  answer: str = 'answer'
  """Batch key of the thing that is meant."""
  of_class: float = 1.0
  """Factor of the classes."""
  of_box: float = 5.0
  """Factor of the distance of a box's four numbers."""
  of_overlap: float = 1.0
  """Factor of the generalised intersection over union."""
  of_place: float = 0.3
  """Factor of the distance in metres."""
  needs: tuple[str, ...] = ('image',)
  """Modalities without which an example does not count."""
  place_needs: tuple[str, ...] = ('image', 'position')
  """Modalities without which its places do not."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes five terms: those of the heads, and `overlap`.

    Raises:
      ValueError: the model has no such heads, or its tokens fill no square.
    """
    del axis_name  # Each example stands alone.
    which = pick_head(outputs, self.which)
    logits = pick_head(outputs, self.things)
    real = batch[self.things] >= 0
    # Before anything is computed: what stands there may be NaN.
    boxes = jnp.where(real[..., None], batch[self.boxes], 0.5)
    places = jnp.where(real[..., None], batch[self.places], 0.0)
    token = cell(boxes, count=logits.shape[1])

    def at(x: Float[Array, 'b n d']) -> Float[Array, 'b m d']:
      return jnp.take_along_axis(x, token[..., None], axis=1)

    said = at(pick_head(outputs, self.boxes))
    away = at(pick_head(outputs, self.places)) - places
    losses = {
      self.things: self.of_class
      * optax.softmax_cross_entropy_with_integer_labels(
        at(logits), jnp.where(real, batch[self.things], 0)
      ),
      self.boxes: self.of_box * jnp.abs(said - boxes).sum(axis=-1),
      'overlap': self.of_overlap * (1 - generalised_iou(said, boxes)),
      # Smooth: a square root has no slope at 0.
      self.places: self.of_place * optax.huber_loss(away).sum(axis=-1),
    }
    weight, count = real_weight(batch, self.needs), real.sum(axis=1)
    weights = dict.fromkeys(losses, weight)
    weights[self.places] = real_weight(batch, self.place_needs)
    divisor = jnp.maximum(count, 1)
    terms = {
      name: Term(
        jnp.where(real, x, 0.0).sum(axis=1) / divisor, weights[name] * count
      )
      for name, x in losses.items()
    }
    answer = batch[self.answer]
    meant = jnp.take_along_axis(token, jnp.maximum(answer, 0)[:, None], axis=1)
    meant = jnp.where(answer >= 0, meant[:, 0], logits.shape[1])
    loss = optax.softmax_cross_entropy_with_integer_labels(which, meant)
    return {self.which: Term(loss, weight), **terms}


def cell(boxes: Float[Array, 'b m 4'], *, count: int) -> Int[Array, 'b m']:
  """The token of a square grid in which the middle of each box lies.

  Raises:
    ValueError: so many tokens fill no square.

  Example:
    >>> import jax.numpy as jnp
    >>> cell(jnp.array([[[0.5, 0.0, 1.0, 0.4]]]), count=9).tolist()
    [[2]]
  """
  side = math.isqrt(count)
  if side**2 != count:
    raise ValueError(f'{count} tokens are no grid of a square')
  middle = (boxes[..., :2] + boxes[..., 2:]) / 2
  place = jnp.clip((middle * side).astype(jnp.int32), 0, side - 1)
  return place[..., 1] * side + place[..., 0]
