"""Cross-entropy over many words, without an array of all logits.

Logits are computed a tile of tokens by words at a time, reduced at once, and
computed again for the gradient: memory for one tile, where all of them are
`[tokens, vocabulary]`. As Cut Your Losses in Large-Vocabulary Language Models
(https://arxiv.org/abs/2411.09009) does in kernels of its own.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from mmjax.masking import full_precision
from mmjax.objectives.tiles import LOGSUMEXP


class Said(NamedTuple):
  """What a cross-entropy needs of each token's logits.

  Attributes:
    target: the target's logit; with smoothing, the mean logit has a share.
    total: logarithm of the sum of the exponentials of all.
  """

  target: Float[Array, '*b']
  total: Float[Array, '*b']


class Scorer(NamedTuple):
  """A linear layer that gives logits, as arrays.

  Attributes:
    kernel: `[vocabulary d]`, as an embedding has it, or `[d vocabulary]`.
    bias: what is added.
    axis: of the kernel, that of the words.
  """

  kernel: Float[Array, 'm n']
  bias: Float[Array, ' vocabulary']
  axis: int


def scorer(arrays: Mapping[str, Array]) -> Scorer:
  """What a model that is `Unscored` tells of its last layer.

  Args:
    arrays: the `table` of an embedding, or `kernel` and perhaps `bias`.
  """
  axis = 0 if 'table' in arrays else 1
  kernel = arrays['table' if axis == 0 else 'kernel']
  zeros = jnp.zeros(kernel.shape[axis], kernel.dtype)
  return Scorer(kernel, arrays.get('bias', zeros), axis)


def of_logits(
  logits: Float[Array, 'b t vocabulary'],
  target: Int[Array, 'b t'],
  *,
  smoothing: float = 0.0,
) -> Said:
  """What there is to know of logits that are all there.

  Args:
    logits: of each token.
    target: word of each token.
    smoothing: share of the target that is spread over all words.
  """
  own = jnp.take_along_axis(logits, target[..., None], axis=-1)[..., 0]
  if smoothing:
    own = (1 - smoothing) * own + smoothing * logits.mean(axis=-1)
  return Said(own, jax.nn.logsumexp(logits, axis=-1))


def in_tiles(
  x: Float[Array, 'b t d'],
  layer: Scorer,
  target: Int[Array, 'b t'],
  *,
  tile: int,
  smoothing: float = 0.0,
) -> Said:
  """The same of `x @ kernel + bias`, which is never there as a whole.

  Args:
    x: a vector for each token.
    layer: gives the logits.
    target: word of each token.
    tile: side of the tiles.
    smoothing: share of the target that is spread over all words.
  """
  rows = x.reshape(-1, x.shape[-1])
  size = min(tile, len(rows))
  # Rows that fill up the last tile are cut off again, and so have no slope.
  more = -len(rows) % size
  found: Any = _own_and_total(
    (size, min(tile, len(layer.bias)), layer.axis),
    jnp.pad(rows, ((0, more), (0, 0))),
    layer.kernel,
    layer.bias,
    jnp.pad(target.reshape(-1), (0, more)),
  )
  own, total = (y[: len(rows)].reshape(target.shape) for y in found)
  if smoothing:
    # The mean of products is a product with the mean.
    kernel = full_precision(layer.kernel).mean(axis=layer.axis)
    mean = full_precision(x) @ kernel + full_precision(layer.bias).mean()
    own = (1 - smoothing) * own + smoothing * mean
  return Said(own, total)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _own_and_total(tiles, x, kernel, bias, target):
  """Each row's logit of its target, and all of them reduced.

  Args:
    tiles: tokens and words of a tile, and the kernel's axis of words.
    x: `[rows d]`, a whole number of tiles.
    kernel: `[vocabulary d]` or `[d vocabulary]`.
    bias: `[vocabulary]`.
    target: `[rows]`.
  """
  return _forward(tiles, x, kernel, bias, target)[0]


def _forward(tiles, x, kernel, bias, target):
  size, _, _ = tiles
  blocks = x.reshape(-1, size, x.shape[-1]), target.reshape(-1, size)

  def add_piece(found, start):
    piece = _piece(tiles, kernel, bias, start)

    def add(block):
      (own, total), row, word = block
      logits, here, new = _logits(row, piece, word)
      own += jnp.where(here & new, logits, 0.0).sum(axis=1)
      return own, LOGSUMEXP.add(total, logits, new)

    return jax.lax.map(add, (found, *blocks)), None

  zeros = jnp.zeros(blocks[1].shape, _wide(x))
  (own, found), _ = jax.lax.scan(
    add_piece, (zeros, LOGSUMEXP.start(zeros)), _starts(tiles, bias)
  )
  own, total = own.reshape(-1), LOGSUMEXP.end(found).reshape(-1)
  return (own, total), (x, kernel, bias, target, total)


def _backward(tiles, kept, slopes):
  x, kernel, bias, target, total = kept
  size, words, axis = tiles
  blocks = tuple(
    y.reshape(-1, size, *y.shape[1:]) for y in (x, target, total, *slopes)
  )
  wide = _wide(x)

  def add_piece(found, start):
    piece = _piece(tiles, kernel, bias, start)

    def add(found, block):
      d_x, d_kernel, d_bias = found
      (row, word, total, d_own, d_total), i = block
      logits, here, new = _logits(row, piece, word)
      slope = d_total[:, None] * LOGSUMEXP.slope(logits, total[:, None])
      slope = slope + jnp.where(here, d_own[:, None], 0.0)
      slope = jnp.where(new, slope, 0.0)
      # Products are made in the dtype of the model, and summed in full.
      narrow = slope.astype(row.dtype)
      more = jnp.matmul(narrow, piece.kernel, preferred_element_type=wide)
      d_kernel += jnp.matmul(narrow.T, row, preferred_element_type=wide)
      return (d_x.at[i].add(more), d_kernel, d_bias + slope.sum(axis=0)), None

    d_x, d_kernel, d_bias = found
    of_piece = jnp.zeros((words, x.shape[1]), wide), jnp.zeros(words, wide)
    (d_x, *of_piece), _ = jax.lax.scan(
      add, (d_x, *of_piece), (blocks, jnp.arange(len(blocks[0])))
    )
    of_kernel = of_piece[0] if axis == 0 else of_piece[0].T
    d_kernel = _add_at(d_kernel, of_kernel, piece.start, axis)
    d_bias = _add_at(d_bias, of_piece[1], piece.start, 0)
    return (d_x, d_kernel, d_bias), None

  zeros = [jnp.zeros(y.shape, wide) for y in (blocks[0], kernel, bias)]
  (d_x, d_kernel, d_bias), _ = jax.lax.scan(
    add_piece, tuple(zeros), _starts(tiles, bias)
  )
  return (
    d_x.reshape(x.shape).astype(x.dtype),
    d_kernel.astype(kernel.dtype),
    d_bias.astype(bias.dtype),
    None,
  )


_own_and_total.defvjp(_forward, _backward)


class _Piece(NamedTuple):
  """Some of the words; the last piece has words of the one before it again.

  Attributes:
    kernel: `[words d]`.
    bias: `[words]`.
    start: number of the first one.
    new: which are in no piece before.
  """

  kernel: Array
  bias: Array
  start: Array
  new: Array


def _starts(tiles, bias: Array) -> Array:
  return jnp.arange(0, len(bias), tiles[1])


def _piece(tiles, kernel: Array, bias: Array, first: Array) -> _Piece:
  _, words, axis = tiles
  # All pieces are as wide, whatever number of words there is.
  start = jnp.minimum(first, len(bias) - words)
  part = jax.lax.dynamic_slice_in_dim(kernel, start, words, axis)
  return _Piece(
    part if axis == 0 else part.T,
    jax.lax.dynamic_slice_in_dim(bias, start, words),
    start,
    start + jnp.arange(words) >= first,
  )


def _logits(x: Array, piece: _Piece, target: Array):
  """Logits of a tile, which of them are the targets', and which are new."""
  logits = jnp.matmul(x, piece.kernel.T, preferred_element_type=_wide(x))
  logits = logits + piece.bias[None].astype(logits.dtype)
  places = piece.start + jnp.arange(len(piece.bias))
  return logits, places[None] == target[:, None], piece.new[None]


def _add_at(total: Array, part: Array, start: Array, axis: int) -> Array:
  there = jax.lax.dynamic_slice_in_dim(total, start, part.shape[axis], axis)
  return jax.lax.dynamic_update_slice_in_dim(total, there + part, start, axis)


def _wide(x: Array):
  """Sums are not kept in half precision."""
  return jnp.promote_types(x.dtype, jnp.float32)
