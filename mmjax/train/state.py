"""Everything that training changes: arrays only."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int, PRNGKeyArray

from mmjax.types import Batch


class TrainState(NamedTuple):
  """The state of a run; a pure function of the seed and the step.

  Attributes:
    step: steps done; also the position in the data.
    params: the model's parameters, float32 (or float64: see `make_init`).
    opt_state: what the optimiser remembers.
    ema: moving average of the parameters, or None.
    collections: the model's other variables, such as batch statistics.
  """

  step: Int[Array, '']
  params: Any
  opt_state: Any
  ema: Any
  collections: Any


def make_init(
  model: nn.Module,
  tx: optax.GradientTransformation,
  *,
  ema: bool = False,
  dtype: Any = jnp.float32,
) -> Callable[[PRNGKeyArray, Batch], TrainState]:
  """Makes the pure function that creates a state.

  Run it under `jax.eval_shape` to learn the shapes and under `jax.jit` with
  `out_shardings` to have the state born where it belongs.

  Args:
    model: called as `model(batch, train=False)`.
    tx: the optimiser.
    ema: whether a moving average of the parameters is kept.
    dtype: of the parameters and other variables, float32 or float64.

  Returns:
    `init(key, batch) -> TrainState`; only the batch's shapes matter.
  """

  def init(key: PRNGKeyArray, batch: Batch) -> TrainState:
    variables = cast(dict(model.init(key, batch, train=False)), dtype)
    params = variables.pop('params')
    step = jnp.zeros((), jnp.int32)
    average = jax.tree.map(jnp.copy, params) if ema else None
    return TrainState(step, params, tx.init(params), average, variables)

  return init


def cast(tree: Any, dtype: Any) -> Any:
  """Casts the floating-point leaves."""
  return jax.tree.map(
    lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x,
    tree,
  )


def count_parameters(params: Any) -> int:
  """Number of scalars in a tree of arrays (or of their shapes)."""
  return sum(leaf.size for leaf in jax.tree.leaves(params))
