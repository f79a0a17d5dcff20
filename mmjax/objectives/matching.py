"""Matching of two modalities against hard negatives."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mmjax.collectives import gather
from mmjax.masking import masked_softmax, present
from mmjax.types import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matching:
  """Tells each pair from two hard negatives: a wrong right, and a wrong left.

  As in ALBEF, section 3.2 (https://arxiv.org/abs/2107.07651), a negative is
  drawn from the whole global batch, more probably the more similar its
  embedding is (softmax of the contrastive similarities, which get no gradient
  from here), and the loss is the mean binary cross-entropy of the three pairs.
  The scorer is not ALBEF's cross-modal encoder but an MLP on both vectors
  (`Matched`), so that it can be computed here, where all examples are.

  A row draws by inverting the cumulative distribution over the columns of the
  batch at a number that belongs to the example (`draw`). So neither devices
  nor micro-batches change which negatives are taken.
  """

  pair: tuple[str, str]
  """The two modalities."""
  same: str | None = None
  """Batch key; examples with equal values are not each other's negatives."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes one term, named after the pair.

    An example that lacks one side, or has no negative for one, does not count.

    Raises:
      ValueError: the model has no scores or embeddings of the pair.
    """
    left, right = self.pair
    for what in ('matching', 'embeddings'):
      there = outputs.get(what, {})
      missing = [name for name in self.pair if name not in there]
      if missing:
        raise ValueError(f'pair {self.pair}: no {what} of {missing[0]!r}')

    everywhere = functools.partial(gather, axis_name=axis_name)

    mask = batch['mask']
    real = present(mask[left]) & present(mask[right]) & (batch['weight'] > 0)
    allowed = real[:, None] & everywhere(real)[None]
    allowed &= batch['index'][:, None] != everywhere(batch['index'])[None]
    if self.same is not None:
      same = batch[self.same]
      allowed &= same[:, None] != everywhere(same)[None]

    scale = outputs['shared']['logit_scale']
    embeddings, vectors = outputs['embeddings'], outputs['matching']

    def negatives(rows: str, columns: str, draw):
      """For each example of `rows`, the vector of a wrong one of `columns`."""
      similar = embeddings[rows] @ everywhere(embeddings[columns]).T
      return everywhere(vectors[columns])[
        _choose(scale * similar, allowed, draw)
      ]

    own, other = vectors[left], vectors[right]
    draw = vectors['draw']
    score = outputs['shared']['matching']
    losses = [
      jax.nn.softplus(-_score(score, own, other)),
      jax.nn.softplus(_score(score, own, negatives(left, right, draw[:, 0]))),
      jax.nn.softplus(_score(score, negatives(right, left, draw[:, 1]), other)),
    ]
    loss = jnp.mean(jnp.stack(losses), axis=0)
    weight = jnp.where(allowed.any(axis=1), batch['weight'], 0.0)
    return {'_'.join(self.pair): Term(loss, weight)}


def _score(
  head: Any, left: Float[Array, 'b hidden'], right: Float[Array, 'b hidden']
) -> Float[Array, ' b']:
  hidden = jax.nn.gelu(left + right)
  return (hidden @ head['kernel'] + head['bias'][None])[:, 0]


def _choose(
  logits: Float[Array, 'b columns'],
  allowed: Bool[Array, 'b columns'],
  draw: Float[Array, ' b'],
) -> Array:
  """For each row an allowed column, drawn from the softmax of the logits."""
  logits = jax.lax.stop_gradient(logits)
  total = jnp.cumsum(masked_softmax(logits, allowed), axis=1)
  # The sum may not be quite one.
  return jnp.argmax(total > draw[:, None] * total[:, -1:], axis=1)
