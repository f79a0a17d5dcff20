"""All pairs of a batch in tiles: reductions over negatives, not their matrix.

Similarities are computed a tile at a time, reduced at once, and computed again
for the gradient, so that memory grows with the batch and not with its square:
what FlashAttention (https://arxiv.org/abs/2205.14135) does for attention. What
other devices have is fetched for one tile at a time, too.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float, Int

from mmjax.collectives import Axis, device, devices, gather, scatter_sum


class Side(NamedTuple):
  """One side of the pairs on this device."""

  x: Float[Array, 'b d']
  group: Int[Array, ' b']
  """Rows of a group are not each other's negatives."""
  real: Bool[Array, ' b']
  """Which of them are negatives of others."""


@dataclasses.dataclass(frozen=True)
class Reduction:
  """How the logits of a row become one number, piece by piece."""

  start: Callable[[Array], Any]
  """Zeros `[rows]` -> what there is before the first piece."""
  add: Callable[[Any, Array, Array], Any]
  """`(found, logits [r c], allowed [r c]) -> found`."""
  end: Callable[[Any], Array]
  """What is found -> the results, `[rows]`."""
  slope: Callable[[Array, Array], Array]
  """`(logits [r c], results [r 1])` -> the results' derivatives, `[r c]`."""


def _add_exponentials(found, logits, allowed):
  top, total = found
  logits = jnp.where(allowed, logits, -jnp.inf)
  new = jnp.maximum(top, logits.max(axis=1))
  safe = jnp.where(jnp.isneginf(new), 0.0, new)
  more = jnp.exp(logits - safe[:, None]).sum(axis=1)
  return new, total * jnp.exp(top - safe) + more


SOFTPLUS = Reduction(
  start=lambda zeros: zeros,
  add=lambda found, logits, allowed: (
    found + jnp.where(allowed, jax.nn.softplus(logits), 0.0).sum(axis=1)
  ),
  end=lambda found: found,
  slope=lambda logits, _: jax.nn.sigmoid(logits),
)
"""Sum of `log(1 + exp(logit))`."""
LOGSUMEXP = Reduction(
  start=lambda zeros: (zeros - jnp.inf, zeros),
  add=_add_exponentials,
  end=lambda found: found[0] + jnp.log(found[1]),
  slope=lambda logits, results: jnp.exp(logits - results),
)
"""Logarithm of the sum of `exp(logit)`; of no logits minus infinity."""


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def own_and_negatives(
  reduction: Reduction,
  size: int,
  axis_name: Axis,
  rows: Side,
  columns: Side,
  scale: Float[Array, ''],
  bias: Float[Array, ''],
) -> tuple[Float[Array, ' b'], Float[Array, ' b']]:
  """Each row's logit with its own column, and those with its negatives reduced.

  Its own is the column in its place. Its negatives are the other real columns
  of all devices that are in another group. A logit is
  `scale * row @ column + bias`.

  Args:
    reduction: `SOFTPLUS` or `LOGSUMEXP`.
    size: side of a tile, or the largest divisor of the batch below it.
    axis_name: the mapped axis over devices; None without one.
    rows: of this device.
    columns: of this device, in the same places.
    scale: the similarities' factor.
    bias: what is added to them.
  """
  return _forward(reduction, size, axis_name, rows, columns, scale, bias)[0]


def _forward(reduction, size, axis_name, rows, columns, scale, bias):
  tiles = _Tiles(size, axis_name, len(rows.x))
  wide = _wide(rows.x)

  def add_piece(found, start):
    there, places = tiles.columns(columns, start)

    def add(block):
      found, row, first = block
      similarity, _, allowed = _compare(row, first, there, places)
      return reduction.add(found, scale * similarity + bias, allowed)

    return jax.lax.map(add, (found, tiles.split(rows), tiles.firsts)), None

  zeros = jnp.zeros(len(rows.x), wide)
  found, _ = jax.lax.scan(
    add_piece, tiles.split(reduction.start(zeros)), tiles.starts
  )
  results = reduction.end(tiles.join(found))
  own = scale * (rows.x * columns.x).sum(axis=1, dtype=wide) + bias
  return (own, results), (rows, columns, scale, bias, results)


def _backward(reduction, size, axis_name, kept, slopes):
  rows, columns, scale, bias, results = kept
  tiles = _Tiles(size, axis_name, len(rows.x))
  # Where no negative is, there is no result to subtract.
  results = jnp.where(jnp.isneginf(results), 0.0, results)
  blocks = tiles.split((rows, results, *slopes))

  def add_piece(found, start):
    there, places = tiles.columns(columns, start)

    def add(found, block):
      d_rows, d_there, d_scale, d_bias = found
      (row, result, d_own, d_result), first, i = block
      similarity, own, allowed = _compare(row, first, there, places)
      logits = scale * similarity + bias
      d_logits = d_result[:, None] * reduction.slope(logits, result[:, None])
      d_logits = jnp.where(allowed, d_logits, 0.0)
      d_logits = jnp.where(own, d_own[:, None], d_logits)
      d_similarity = scale * d_logits
      return (
        d_rows.at[i].add(d_similarity @ there.x),
        d_there + d_similarity.T @ row.x,
        d_scale + (similarity * d_logits).sum(),
        d_bias + d_logits.sum(),
      ), None

    d_rows, d_scale, d_bias = found
    (d_rows, d_there, d_scale, d_bias), _ = jax.lax.scan(
      add,
      (d_rows, jnp.zeros(there.x.shape, wide), d_scale, d_bias),
      (blocks, tiles.firsts, jnp.arange(len(tiles.firsts))),
    )
    # Of these columns all rows are here: nothing else adds to them.
    d_there = scatter_sum(d_there, axis_name).astype(columns.x.dtype)
    return (d_rows, d_scale, d_bias), d_there

  wide = _wide(rows.x)
  (d_rows, d_scale, d_bias), d_columns = jax.lax.scan(
    add_piece,
    (
      jnp.zeros(blocks[0].x.shape, wide),
      jnp.zeros((), wide),
      jnp.zeros((), wide),
    ),
    tiles.starts,
  )

  def of_side(d_x: Array) -> Any:  # groups and masks have no slope
    return Side(d_x, None, None)  # type: ignore[arg-type]

  return (
    of_side(tiles.join(d_rows).astype(rows.x.dtype)),
    of_side(tiles.join(d_columns)),
    d_scale.astype(scale.dtype),
    d_bias.astype(bias.dtype),
  )


own_and_negatives.defvjp(_forward, _backward)


def _compare(rows: Side, first: Array, columns: Side, places: Array):
  """Similarities, which of them are a row's own, and which of its negatives."""
  similarity = (rows.x @ columns.x.T).astype(_wide(rows.x))
  own = (first + jnp.arange(len(rows.x)))[:, None] == places[None]
  same = rows.group[:, None] == columns.group[None]
  return similarity, own, columns.real[None] & ~same & ~own


def _wide(x: Array):
  """Sums are not kept in half precision."""
  return jnp.promote_types(x.dtype, jnp.float32)


class _Tiles:
  """How a batch of so many rows on each device is cut."""

  def __init__(self, size: int, axis_name: Axis, rows: int):
    self.axis_name, self.count = axis_name, rows
    self.side = _divisor(rows, size)
    # A tile is as wide as it is high: every device gives a part of it.
    self.width = _divisor(rows, max(size // devices(axis_name), 1))
    self.starts = jnp.arange(0, rows, self.width)
    first = device(axis_name) * rows
    self.firsts = first + jnp.arange(0, rows, self.side)

  def split(self, tree: Any) -> Any:
    """Blocks of rows."""
    return jax.tree.map(
      lambda x: rearrange(x, '(n r) ... -> n r ...', r=self.side), tree
    )

  def join(self, tree: Any) -> Any:
    """Blocks as one."""
    return jax.tree.map(lambda x: rearrange(x, 'n r ... -> (n r) ...'), tree)

  def columns(self, columns: Side, start: Array) -> tuple[Side, Array]:
    """A piece of the columns of every device, and their places in the batch."""

    def fetch(x):
      part = jax.lax.dynamic_slice_in_dim(x, start, self.width)
      return gather(part, self.axis_name)

    places = jnp.arange(devices(self.axis_name))[:, None] * self.count
    places = places + start + jnp.arange(self.width)[None]
    return jax.tree.map(fetch, columns), rearrange(places, 'n c -> (n c)')


def _divisor(number: int, limit: int) -> int:
  """The largest divisor that is not above a limit."""
  return max(n for n in range(1, min(limit, number) + 1) if number % n == 0)
