"""Contrastive objectives: matching examples across modalities.

Both take their negatives from the whole global batch. Of an example that lacks
one side of a pair, that pair sees nothing: the loss is that of the batch
without the example.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mmjax.collectives import Axis, device, gather
from mmjax.masking import present
from mmjax.objectives.tiles import (
  LOGSUMEXP,
  SOFTPLUS,
  Reduction,
  Side,
  own_and_negatives,
)
from mmjax.types import Batch, Outputs, Term

Pairs = tuple[tuple[str, str], ...]


class _Compared(NamedTuple):
  """What a local row is compared with: all columns of the global batch."""

  similarity: Float[Array, 'b columns']
  own: Bool[Array, 'b columns']  # the column that the row belongs to
  allowed: Bool[Array, 'b columns']  # real, and not the same thing


def _compare(
  rows: Float[Array, 'b d'],
  columns: Float[Array, 'b d'],
  real: Bool[Array, ' b'],
  same: Array | None,
  axis_name: Axis,
) -> _Compared:
  all_columns = gather(columns, axis_name)
  first = device(axis_name) * len(rows)
  places = jnp.arange(len(all_columns))
  own = places[None] == (first + jnp.arange(len(rows)))[:, None]
  allowed = jnp.broadcast_to(gather(real, axis_name)[None], own.shape)
  if same is not None:
    allowed = allowed & (same[:, None] != gather(same, axis_name)[None])
  return _Compared(rows @ all_columns.T, own, allowed | own)


def _pair(outputs: Outputs, batch: Batch, pair: tuple[str, str]):
  """Both sides' embeddings, which rows have both, and the rows' weights."""
  embeddings = outputs['embeddings']
  for name in pair:
    if name not in embeddings:
      raise ValueError(
        f'pair {pair} needs an embedding of {name!r}, the model has '
        f'{sorted(embeddings)}'
      )
  left, right = pair
  mask = batch['mask']
  real = present(mask[left]) & present(mask[right]) & (batch['weight'] > 0)
  weight = jnp.where(real, batch['weight'], 0.0)
  return embeddings[left], embeddings[right], real, weight


def _reduce(
  reduction: Reduction,
  tile: int,
  rows: Float[Array, 'b d'],
  columns: Float[Array, 'b d'],
  real: Bool[Array, ' b'],
  same: Array | None,
  axis_name: Axis,
  scale: Float[Array, ''],
  bias: Float[Array, ''],
) -> tuple[Float[Array, ' b'], Float[Array, ' b']]:
  """Each row's own logit, and its negatives' reduced, a tile at a time."""
  if same is None:  # Nothing is in a group with another.
    same = device(axis_name) * len(rows) + jnp.arange(len(rows))
  return own_and_negatives(
    reduction,
    tile,
    axis_name,
    Side(rows, same, real),
    Side(columns, same, real),
    scale,
    bias,
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Pairwise:
  """What the losses over pairs of modalities have in common."""

  pairs: Pairs
  """Pairs of modalities to match."""
  weight: float = 1.0
  """Factor of this objective in the total."""
  same: str | None = None
  """Batch key; examples with equal values are not each other's negatives."""
  tile: int | None = None
  """Side of the tiles that the matrix of similarities is computed in, and again
  for the gradient: memory for one of them at a time, at the price of a third
  more products. The whole matrix if None."""

  def __post_init__(self):
    """Checks the side of the tiles."""
    if self.tile is not None and self.tile < 1:
      raise ValueError(f'tile {self.tile} is below 1')

  @property
  def by_device(self) -> bool:
    """Whether it runs on each device's rows, and fetches what others have."""
    return self.tile is not None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contrastive(_Pairwise):
  """InfoNCE in both directions, for each of several pairs of modalities.

  CLIP's loss (https://arxiv.org/abs/2103.00020, figure 3) with the model's
  learned temperature `outputs['shared']['logit_scale']`; with
  `logit_scales`, each direction with that of the modality that looks.
  """

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: Axis = None
  ) -> dict[str, Term]:
    """Computes the mean of both cross-entropies, a term for each pair.

    Raises:
      ValueError: the model embeds no such modality.
    """
    shared = outputs['shared']
    same = None if self.same is None else batch[self.same]
    terms = {}
    for pair in self.pairs:
      left, right, real, weight = _pair(outputs, batch, pair)

      def cross_entropy(name, rows, columns, real=real):
        scale = shared.get('logit_scales', {}).get(name, shared['logit_scale'])
        if self.tile is not None:
          own, others = _reduce(
            LOGSUMEXP,
            self.tile,
            rows,
            columns,
            real,
            same,
            axis_name,
            scale,
            jnp.zeros_like(scale),
          )
          return jax.nn.softplus(others - own)
        side = _compare(rows, columns, real, same, axis_name)
        logits = jnp.where(side.allowed, scale * side.similarity, -jnp.inf)
        own = jnp.where(side.own, scale * side.similarity, 0.0).sum(axis=1)
        return jax.nn.logsumexp(logits, axis=1) - own

      loss = cross_entropy(pair[0], left, right)
      loss = (loss + cross_entropy(pair[1], right, left)) / 2
      terms['_'.join(pair)] = Term(loss, weight)
    return terms


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sigmoid(_Pairwise):
  """Pairwise sigmoid loss, for each of several pairs of modalities.

  SigLIP's loss (https://arxiv.org/abs/2303.15343, algorithm 1) with the model's
  learned `logit_scale` and `logit_bias`: summed over columns, averaged over
  rows.
  """

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: Axis = None
  ) -> dict[str, Term]:
    """Computes the sum of each row's binary losses, a term for each pair.

    Raises:
      ValueError: the model embeds no such modality.
    """
    shared = outputs['shared']
    same = None if self.same is None else batch[self.same]
    terms = {}
    for pair in self.pairs:
      left, right, real, weight = _pair(outputs, batch, pair)
      scale, bias = shared['logit_scale'], shared['logit_bias']
      if self.tile is not None:
        own, others = _reduce(
          SOFTPLUS, self.tile, left, right, real, same, axis_name, scale, bias
        )
        loss = jax.nn.softplus(-own) + others
      else:
        side = _compare(left, right, real, same, axis_name)
        logits = scale * side.similarity + bias
        losses = jax.nn.softplus(jnp.where(side.own, -logits, logits))
        loss = jnp.where(side.allowed, losses, 0.0).sum(axis=1)
      terms['_'.join(pair)] = Term(loss, weight)
    return terms
