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
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from mmjax.collectives import psum
from mmjax.metrics import Ratio, weighted
from mmjax.train import activations, differentiate, dropout
from mmjax.train.by_device import over_devices
from mmjax.train.state import TrainState, cast
from mmjax.types import Batch, Outputs, Term

Metrics = dict[str, Ratio]
Augment = Callable[[Batch, Key[Array, ' b']], Batch]
Regularizer = Callable[[Any], Float[Array, '']]
# No objective reads them, and micro-batches would keep them for all examples.
_TOO_LARGE = ('tokens', 'fused')


@runtime_checkable
class Objective(Protocol):
  """A frozen dataclass that turns outputs into terms of the loss.

  One with a property `by_device` that is True runs on each device's rows, with
  an `axis_name`, in the global view, too.
  """

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
  mesh: Mesh | None = None,
  augment: Sequence[Augment] = (),
  regularizer: Regularizer | None = None,
  compute_dtype: Any = jnp.float32,
  accumulate: int = 1,
  ema_decay: float = 0.0,
  learns: Callable[[Any], Any] | None = None,
  by_example: bool = False,
) -> Callable[[TrainState, Batch, PRNGKeyArray], tuple[TrainState, Metrics]]:
  """Makes the pure function that does one step of training.

  The loss is the sum over objectives of `weight` times the mean of its terms,
  each of which is a weighted mean over the global batch. A step whose loss or
  gradient is not finite changes nothing but the step number; `finite` in the
  metrics says so.

  Args:
    model: called as `model(batch, train=True)`; gives a dict of outputs.
    objectives: name -> objective; they see all outputs but `tokens` and
      `fused`.
    tx: the optimiser.
    axis_name: the mapped axis over devices; None for the global view.
    mesh: in the global view: keeps activations on it split by example, and
      runs objectives that ask for it on each of its devices.
    augment: functions of the batch and a key for each example, applied in
      order before the model.
    regularizer: function of the parameters, added to the loss once.
    compute_dtype: dtype of the forward and backward pass. Parameters, their
      gradients and the optimiser stay in float32.
    accumulate: number of micro-batches that the model takes one by one; the
      gradients are those of the whole batch.
    ema_decay: of the moving average of the parameters; 0 keeps none.
    learns: parameters -> True for each that the optimiser moves; of the others
      no gradient is computed. All of them if None.
    by_example: whether `tx` wants the gradient of each example alone, along a
      first axis: `mmjax/train/privacy.py`.

  Returns:
    `step(state, batch, key) -> (state, metrics)`, where `key` is the run's root
    key, the same at each step.
  """

  def loss(outputs: Outputs, batch: Batch):
    total, metrics = jnp.zeros(()), {}
    for name, objective in objectives.items():
      if axis_name is None and getattr(objective, 'by_device', False):
        terms = over_devices(objective, outputs, batch, mesh)
      else:
        terms = objective(outputs, batch, axis_name=axis_name)
      for key, term in terms.items():
        local = weighted(term.loss, term.weight)
        count = jax.lax.stop_gradient(psum(local.count, axis_name))
        share = local.total / jnp.where(count > 0, count, 1.0)
        total += objective.weight / len(terms) * share
        metrics[f'{name}/{key}/loss'] = local
    return total, metrics

  def step(state: TrainState, batch: Batch, key: PRNGKeyArray):
    key = jax.random.fold_in(key, state.step)
    augment_key, dropout_key = jax.random.split(key)
    for i, function in enumerate(augment):
      # The randomness belongs to the example, so sharding never changes it.
      one = jax.random.fold_in(augment_key, i)
      keys = jax.vmap(jax.random.fold_in, (None, 0))(one, batch['index'])
      batch = function(batch, keys)

    def forward(params, batch: Batch):
      if learns is not None:
        params = jax.tree.map(
          lambda x, on: x if on else jax.lax.stop_gradient(x),
          params,
          learns(params),
        )
      rows = batch['index'].shape[0]
      with (
        activations.split_by_example(None if by_example else mesh, rows),
        dropout.by_example(batch['index']),
      ):
        outputs, changed = model.apply(
          {'params': cast(params, compute_dtype), **state.collections},
          batch,
          train=True,
          rngs={
            'dropout': dropout_key,
            # What a model hides of its inputs: see `models/masked.py`.
            'masking': jax.random.fold_in(dropout_key, 1),
            # What it learns to take away: see `models/text_to_image.py`.
            'noise': jax.random.fold_in(dropout_key, 2),
          },
          mutable=list(state.collections),
        )
      return {k: v for k, v in outputs.items() if k not in _TOO_LARGE}, changed

    if by_example:
      if state.collections:
        raise ValueError(
          f'the model keeps {sorted(state.collections)}: of an example alone '
          'there are none'
        )
      found = differentiate.by_example(forward, loss, state.params, batch)
    elif accumulate == 1:
      found = differentiate.at_once(forward, loss, state.params, batch)
    else:
      found = differentiate.in_parts(
        forward, loss, state.params, batch, parts=accumulate
      )
    (total, (metrics, changed)), gradients = found
    total, metrics, gradients = psum((total, metrics, gradients), axis_name)
    if regularizer is not None:
      extra, slope = jax.value_and_grad(regularizer)(state.params)
      total, gradients = optax.tree.add((total, gradients), (extra, slope))
    updates, opt_state = tx.update(gradients, state.opt_state, state.params)
    if by_example:
      gradients = jax.tree.map(lambda x: x.mean(axis=0), gradients)
    norm = optax.tree.norm(gradients)
    finite = jnp.isfinite(total) & jnp.isfinite(norm)
    one = jnp.ones(())
    metrics['loss'] = Ratio(total, one)
    metrics['gradient_norm'] = Ratio(norm, one)
    metrics['finite'] = Ratio(finite.astype(jnp.float32), one)
    params = optax.apply_updates(state.params, updates)
    new = TrainState(
      step=state.step,
      params=params,
      opt_state=opt_state,
      ema=moving_average(state.ema, params, state.step, ema_decay),
      collections=state.collections if changed is None else changed,
    )
    # The old arrays may be gone when the host learns of it: choose here.
    kept = jax.tree.map(lambda a, b: jnp.where(finite, a, b), new, state)
    return kept._replace(step=state.step + 1), metrics

  return step


def moving_average(
  average: Any, params: Any, step: Int[Array, ''], decay: float
) -> Any:
  """The next exponential moving average of the parameters.

  It forgets faster in the beginning, by `min(decay, (1 + step) / (10 + step))`,
  so that the random first parameters do not linger.
  """
  if not decay:
    return average
  decay_now = jnp.minimum(decay, (1 + step) / (10 + step))
  return optax.tree.update_moment(params, average, decay_now, 1)


def apply(model: nn.Module, variables: Any, batch: Batch) -> Outputs:
  """One forward pass, without training."""
  outputs: Any = model.apply(variables, batch, train=False)
  return outputs


def make_predict(
  model: nn.Module, *, compute_dtype: Any = jnp.float32
) -> Callable[[TrainState, Batch], Outputs]:
  """Makes the pure function that runs the model without training it.

  Returns:
    `predict(state, batch, run=apply) -> outputs`. Another `run`, of `(model,
    variables, batch)`, does more than one pass: it decodes or draws samples.
  """

  def predict(
    state: TrainState, batch: Batch, run: Callable[..., Outputs] = apply
  ) -> Outputs:
    params = cast(state.params, compute_dtype)
    return run(model, {'params': params, **state.collections}, batch)

  return predict
