"""The compiled functions of a run, built and checked before anything starts."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from mmjax import masking
from mmjax.data import pipeline
from mmjax.metrics import Evaluation
from mmjax.train import sharding
from mmjax.train.config import Config
from mmjax.train.flops import count_flops
from mmjax.train.state import TrainState, count_parameters, make_init
from mmjax.train.step import make_predict, make_train_step
from mmjax.types import Batch, InputError


class Program(NamedTuple):
  """What a config compiles to.

  Attributes:
    mesh: all devices.
    state: shapes and shardings of the state.
    init: makes the first state.
    step: does one step of training; donates the state.
    predict: runs the model.
    parameters: number of scalars that the model learns.
    flops: floating-point operations of one step, over all devices.
  """

  mesh: Mesh
  state: TrainState
  init: Callable[[], TrainState]
  step: Callable[[TrainState, Batch], tuple[TrainState, Any]]
  predict: Callable[[TrainState, Batch], Any]
  parameters: int
  flops: int


def make_program(config: Config) -> Program:
  """Builds a run's functions; traces them, writes nothing to the workdir.

  Raises:
    InputError: data, model and objectives do not go together.
  """
  config.data.check()
  sharding.check_batch_size(config.batch_size)
  mesh = sharding.make_mesh()
  tx = config.optimizer.build(config.steps)
  dtype = _dtype(config.compute_dtype, mesh)
  init_key, step_key = jax.random.split(jax.random.key(config.seed))
  augment = []
  if config.drop_modalities:
    augment.append(
      functools.partial(_drop_modalities, rates=config.drop_modalities)
    )
  step = make_train_step(
    config.model,
    config.objectives,
    tx,
    augment=augment,
    compute_dtype=dtype,
  )
  init = make_init(config.model, tx)
  batch = _batch_shapes(config)
  try:
    state = jax.eval_shape(init, init_key, batch)
    flops = count_flops(jax.make_jaxpr(step)(state, batch, step_key))
  except ValueError as error:
    raise InputError(f'model and data do not fit: {error}') from error

  whole = sharding.replicated(mesh)
  state = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=whole), state
  )
  # The batch's values do not matter, so none is carried into the program.
  make_state = jax.jit(
    lambda key: init(key, jax.tree.map(_zeros, batch)), out_shardings=whole
  )
  compiled = jax.jit(step, donate_argnums=0, out_shardings=whole)
  return Program(
    mesh=mesh,
    state=state,
    init=lambda: make_state(init_key),
    step=lambda state, batch: compiled(state, batch, step_key),
    predict=jax.jit(make_predict(config.model, compute_dtype=dtype)),
    parameters=count_parameters(state.params),
    flops=flops,
  )


def evaluate(
  config: Config,
  program: Program,
  state: TrainState,
  split: str,
  *,
  each: Callable[[], None] = lambda: None,
) -> Evaluation:
  """Runs every evaluator of the config on a split; `each` before each batch."""

  def batches(view: str = 'default') -> Iterator[Batch]:
    for batch in pipeline.eval_batches(
      config.data,
      split,
      view=view,
      batch_size=config.batch_size // jax.process_count(),
      process_index=jax.process_index(),
      process_count=jax.process_count(),
    ):
      each()
      yield sharding.place(batch, program.mesh)

  predict = functools.partial(program.predict, state)
  numbers, figures = {}, {}
  for evaluator in config.evaluators.values():
    found = evaluator(predict, batches, config.data.classes)
    twice = numbers.keys() & found.numbers.keys()
    if twice:
      raise InputError(f'two evaluators report {min(twice)!r}')
    numbers.update(found.numbers)
    figures.update(found.figures)
  return Evaluation(numbers, figures)


def _drop_modalities(batch: Batch, keys: jax.Array, *, rates) -> Batch:
  unknown = [name for name in rates if name not in batch['mask']]
  if unknown:
    raise ValueError(
      f'drop_modalities names {unknown[0]!r}, the data has '
      f'{sorted(batch["mask"])}'
    )
  return masking.drop_modalities(batch, keys, rates)


def _batch_shapes(config: Config) -> Any:
  """Shapes of a global batch, learned from the first training examples."""
  batch = next(iter(pipeline.eval_batches(config.data, 'train', batch_size=1)))
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(
      (config.batch_size, *x.shape[1:]), jnp.asarray(x).dtype
    ),
    batch,
  )


def _zeros(shape: jax.ShapeDtypeStruct) -> jax.Array:
  return jnp.zeros(shape.shape, shape.dtype)


def _dtype(name: str, mesh: Mesh) -> Any:
  if name == 'auto':
    on_cpu = mesh.devices.flat[0].platform == 'cpu'
    return jnp.float32 if on_cpu else jnp.bfloat16
  return jnp.dtype(name)
