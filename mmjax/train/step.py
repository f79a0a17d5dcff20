"""The training step, written once for every way of running it.

Under `jit` the step sees the global batch and `axis_name` is None. Under a
mapped axis (`pmap`, `shard_map`) it sees one device's rows; what must be known
about the others goes through `axis_name`. It differentiates the *local* sum of
losses, over weights that are summed over all devices and carry no gradient,
and then adds the gradients up once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Key, PRNGKeyArray

from mmjax.metrics import Ratio, psum, weighted
from mmjax.train.state import TrainState
from mmjax.types import Batch, Outputs, Term

Metrics = dict[str, Ratio]
Augment = Callable[[Batch, Key[Array, ' b']], Batch]


@runtime_checkable
class Objective(Protocol):
  """A frozen dataclass that turns outputs into terms of the loss."""

  @property
  def weight(self) -> float:
    """Factor of the objective in the total."""
    ...

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> Mapping[str, Term]:
    """Computes per-example losses and weights; never averages."""
    ...


def make_train_step(
  model: nn.Module,
  objectives: Mapping[str, Objective],
  tx: optax.GradientTransformation,
  *,
  axis_name: str | None = None,
  augment: Sequence[Augment] = (),
  compute_dtype: Any = jnp.float32,
) -> Callable[[TrainState, Batch, PRNGKeyArray], tuple[TrainState, Metrics]]:
  """Makes the pure function that does one step of training.

  The loss is the sum over objectives of `weight` times the mean of its terms,
  each of which is a weighted mean over the global batch.

  Args:
    model: called as `model(batch, train=True)`; gives a dict of outputs.
    objectives: name -> objective.
    tx: the optimiser.
    axis_name: the mapped axis over devices; None for the global view.
    augment: functions of the batch and a key for each example, applied in
      order before the model.
    compute_dtype: dtype of the forward and backward pass. Parameters, their
      gradients and the optimiser stay in float32.

  Returns:
    `step(state, batch, key) -> (state, metrics)`, where `key` is the run's root
    key, the same at each step.
  """

  def losses(params, collections, batch, dropout_key):
    variables = {'params': cast(params, compute_dtype), **collections}
    outputs, changed = model.apply(
      variables,
      batch,
      train=True,
      rngs={'dropout': dropout_key},
      mutable=list(collections),
    )
    total, metrics = jnp.zeros(()), {}
    for name, objective in objectives.items():
      terms = objective(outputs, batch, axis_name=axis_name)
      for key, term in terms.items():
        local = weighted(term.loss, term.weight)
        count = jax.lax.stop_gradient(psum(local.count, axis_name))
        share = local.total / jnp.where(count > 0, count, 1.0)
        total += objective.weight / len(terms) * share
        metrics[f'{name}/{key}/loss'] = local
    return total, (metrics, changed)

  def step(state: TrainState, batch: Batch, key: PRNGKeyArray):
    key = jax.random.fold_in(key, state.step)
    augment_key, dropout_key = jax.random.split(key)
    if axis_name is not None:
      place = jax.lax.axis_index(axis_name)
      dropout_key = jax.random.fold_in(dropout_key, place)
    for i, function in enumerate(augment):
      # The randomness belongs to the example, so sharding never changes it.
      one = jax.random.fold_in(augment_key, i)
      keys = jax.vmap(jax.random.fold_in, (None, 0))(one, batch['index'])
      batch = function(batch, keys)
    (loss, (metrics, changed)), gradients = jax.value_and_grad(
      losses, has_aux=True
    )(state.params, state.collections, batch, dropout_key)
    loss, metrics, gradients = psum((loss, metrics, gradients), axis_name)
    updates, opt_state = tx.update(gradients, state.opt_state, state.params)
    metrics['loss'] = Ratio(loss, jnp.ones(()))
    norm = optax.tree.norm(gradients)
    metrics['gradient_norm'] = Ratio(norm, jnp.ones(()))
    finite = jnp.isfinite(loss) & jnp.isfinite(norm)
    metrics['finite'] = Ratio(finite.astype(jnp.float32), jnp.ones(()))
    new = TrainState(
      step=state.step + 1,
      params=optax.apply_updates(state.params, updates),
      opt_state=opt_state,
      ema=state.ema,
      collections=changed,
    )
    # The old arrays may be gone when the host learns of it: choose here.
    kept = jax.tree.map(lambda a, b: jnp.where(finite, a, b), new, state)
    return kept._replace(step=new.step), metrics

  return step


def make_predict(
  model: nn.Module, *, compute_dtype: Any = jnp.float32
) -> Callable[[TrainState, Batch], Outputs]:
  """Makes the pure function that runs the model without training it.

  Returns:
    `predict(state, batch) -> outputs`.
  """

  def predict(state: TrainState, batch: Batch) -> Outputs:
    params = cast(state.params, compute_dtype)
    outputs: Any = model.apply(
      {'params': params, **state.collections}, batch, train=False
    )
    return outputs

  return predict


def cast(params: Any, dtype: Any) -> Any:
  """Casts the floating-point leaves."""
  return jax.tree.map(
    lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x,
    params,
  )
