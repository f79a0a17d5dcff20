"""Gradients of a loss over a batch: at once, in micro-batches, by example."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange

from mmjax.types import Batch, Outputs

Forward = Callable[[Any, Batch], tuple[Outputs, Any]]
"""`(params, batch) -> (outputs, changed collections)`."""
Loss = Callable[[Outputs, Batch], tuple[jax.Array, Any]]
"""`(outputs, batch) -> (loss, metrics)`, over all examples together."""


def at_once(forward: Forward, loss: Loss, params: Any, batch: Batch):
  """Differentiates through model and loss at once.

  Returns:
    `((loss, (metrics, changed)), gradients)`.
  """

  def losses(params):
    outputs, changed = forward(params, batch)
    total, metrics = loss(outputs, batch)
    return total, (metrics, changed)

  return jax.value_and_grad(losses, has_aux=True)(params)


def in_parts(
  forward: Forward, loss: Loss, params: Any, batch: Batch, *, parts: int
):
  """Differentiates the loss of the whole batch, a micro-batch at a time.

  The model runs over each micro-batch and only its outputs are kept; the loss
  sees those of all examples, negatives included; then each micro-batch runs
  again and is differentiated against its share of the outputs' gradient. So
  it is exact for every objective, for one more forward pass: GradCache
  (https://arxiv.org/abs/2101.06983). What the model's collections would become
  is dropped.

  Args:
    forward: the model; equal for an example in whatever batch it stands.
    loss: of the outputs; those in `outputs['shared']` have no batch axis.
    params: where to differentiate.
    batch: all examples.
    parts: number of micro-batches; it divides the batch.

  Returns:
    `((loss, (metrics, None)), gradients)`.
  """
  pieces = jax.tree.map(lambda x: _split(x, parts), batch)

  def shared_and_own(piece):
    outputs = forward(params, piece)[0]
    return outputs.get('shared', {}), _without_shared(outputs)

  # What is shared is kept once: it may be the kernel of a large vocabulary.
  first = jax.tree.map(lambda x: x[0], pieces)
  shared, _ = jax.eval_shape(shared_and_own, first)
  shared, own = jax.lax.scan(
    lambda _, piece: shared_and_own(piece),
    jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shared),
    pieces,
  )
  own = jax.tree.map(_join, own)
  (total, metrics), (own_gradient, shared_gradient) = jax.value_and_grad(
    lambda own, shared: loss({**own, 'shared': shared}, batch),
    argnums=(0, 1),
    has_aux=True,
  )(own, shared)
  # Each micro-batch computes the shared values anew, and answers for a part.
  shared_gradient = jax.tree.map(lambda x: x / parts, shared_gradient)

  def replay(sums, piece):
    piece, gradient = piece

    def outputs(params):
      outputs = forward(params, piece)[0]
      return _without_shared(outputs), outputs.get('shared', {})

    pull_back = jax.vjp(outputs, params)[1]
    gradients = pull_back((gradient, shared_gradient))[0]
    return jax.tree.map(jnp.add, sums, gradients), None

  split_gradient = jax.tree.map(lambda x: _split(x, parts), own_gradient)
  zeros = jax.tree.map(jnp.zeros_like, params)
  gradients, _ = jax.lax.scan(replay, zeros, (pieces, split_gradient))
  return (total, (metrics, None)), gradients


def by_example(forward: Forward, loss: Loss, params: Any, batch: Batch):
  """Differentiates the loss of each example alone, as if there were no others.

  Returns:
    `((loss, (metrics, None)), gradients)`, the gradients with an axis of
    examples first; the loss is the mean of theirs. What the model's collections
    would become is dropped.
  """

  def one(row: Batch):
    alone = jax.tree.map(lambda x: x[None], row)
    (total, (metrics, _)), gradients = at_once(forward, loss, params, alone)
    return total, metrics, gradients

  totals, metrics, gradients = jax.vmap(one)(batch)
  metrics = jax.tree.map(lambda x: x.sum(axis=0), metrics)
  return (totals.mean(), (metrics, None)), gradients


def _without_shared(outputs: Outputs) -> dict[str, Any]:
  return {name: x for name, x in outputs.items() if name != 'shared'}


def _split(x, parts: int):
  """Every `parts`-th row, so that each device splits only rows of its own."""
  return rearrange(x, '(b m) ... -> m b ...', m=parts)


def _join(x):
  return rearrange(x, 'm b ... -> (b m) ...')
