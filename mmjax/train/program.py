"""The compiled functions of a run, built and checked before anything starts."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

from mmjax import masking
from mmjax.data import pipeline
from mmjax.train import activations, privacy
from mmjax.train.config import Config
from mmjax.train.flops import count_flops
from mmjax.train.mapped import AXIS, Mapped, map_over_devices
from mmjax.train.mesh import (
  by_example,
  check_batch_size,
  make_mesh,
  place,
  replicated,
)
from mmjax.train.sharding import state_shardings
from mmjax.train.state import TrainState, count_parameters, make_init
from mmjax.train.step import make_predict, make_train_step
from mmjax.types import Batch, InputError


class Program(NamedTuple):
  """What a config compiles to.

  Training may keep its state in a form of its own (under pmap, with an axis of
  devices); checkpoints and evaluation see the global one.

  Attributes:
    mesh: all devices.
    state: shapes and shardings of the global state.
    init: makes the first global state.
    spread: global state -> what `step` takes.
    whole: what `step` gives -> global state.
    place: this process's rows of a batch -> what `step` takes.
    step: does one step of training; donates the state.
    lower: lowers `step` for the mesh's devices; they need not be there.
    predict: runs the model on a global state and batch; see `make_predict`.
    parameters: number of scalars that the model learns.
    flops: floating-point operations of one step, over all devices.
  """

  mesh: Mesh
  state: TrainState
  init: Callable[[], TrainState]
  spread: Callable[[TrainState], TrainState]
  whole: Callable[[TrainState], TrainState]
  place: Callable[[Any], Batch]
  step: Callable[[TrainState, Batch], tuple[TrainState, Any]]
  lower: Callable[[], jax.stages.Lowered]
  predict: Callable[..., Any]
  parameters: int
  flops: int


def make_program(
  config: Config, devices: Sequence[Any] | None = None
) -> Program:
  """Builds a run's functions; traces them, writes nothing to the workdir.

  Args:
    config: the experiment.
    devices: what it runs on; all that JAX sees if None.

  Raises:
    InputError: data, model, objectives and devices do not go together.
  """
  config.data.check()
  privacy.check(config)
  mesh = make_mesh(config.mesh, devices)
  check_batch_size(config.batch_size, mesh, accumulate=config.accumulate)
  dtype = _dtype(config.compute_dtype, mesh)
  init_key, step_key = jax.random.split(jax.random.key(config.seed))
  tx = config.optimizer.build(config.steps)
  draw = make_init(
    config.model,
    tx,
    ema=config.ema_decay > 0,
    dtype=jnp.promote_types(dtype, jnp.float32),
  )
  step = functools.partial(
    make_train_step,
    config.model,
    config.objectives,
    tx,
    augment=_augmentations(config),
    regularizer=config.regularizer,
    compute_dtype=dtype,
    accumulate=config.accumulate,
    ema_decay=config.ema_decay,
    # An optimiser of one's own may have no groups.
    learns=getattr(getattr(config.optimizer, 'groups', None), 'learns', None),
    by_example=isinstance(config.optimizer, privacy.Private),
  )
  batch = _batch_shapes(config)
  config.balance.check(batch)

  @jax.jit
  def init(key: PRNGKeyArray) -> TrainState:
    # The batch's values do not matter, so none is carried into the program.
    return draw(key, jax.tree.map(_zeros, batch))

  with _fitting():
    state = jax.eval_shape(init, init_key)

  shardings = state_shardings(
    state, mesh, rules=config.sharding_rules, min_size=config.fsdp_min_size
  )
  state = jax.tree.map(_with_sharding, state, shardings)
  rows = jax.tree.map(lambda x: _with_sharding(x, by_example(mesh)), batch)
  # JAX keeps what it traced for the shapes.
  make_state = jax.jit(init, out_shardings=shardings)
  if config.strategy == 'pmap':
    run = map_over_devices(step(axis_name=AXIS), step_key, mesh)
    traced = None
  else:
    compiled = jax.jit(
      step(mesh=mesh),
      donate_argnums=0,
      out_shardings=(shardings, replicated(mesh)),
      compiler_options=activations.compiler_options(mesh),
    )
    traced = compiled.trace if mesh.size == 1 else None
    run = Mapped(
      step=lambda state, batch: compiled(state, batch, step_key),
      lower=lambda state, batch: compiled.lower(state, batch, step_key),
      place=functools.partial(place, mesh=mesh),
      spread=lambda state: state,
      whole=lambda state: state,
    )
  with _fitting():
    # JAX keeps what it traced for one device, and runs that.
    traced = traced or jax.jit(step()).trace
    flops = count_flops(traced(state, rows, step_key).jaxpr)
  return Program(
    mesh=mesh,
    state=state,
    init=lambda: make_state(init_key),
    predict=jax.jit(
      make_predict(config.model, compute_dtype=dtype), static_argnames='run'
    ),
    parameters=count_parameters(state.params),
    flops=flops,
    **run._replace(lower=lambda: run.lower(state, rows))._asdict(),
  )


@contextlib.contextmanager
def _fitting() -> Iterator[None]:
  """Has what shapes do not allow told as the fault of model and data."""
  try:
    yield
  except InputError:
    raise
  except ValueError as error:
    raise InputError(f'model and data do not fit: {error}') from error


def _augmentations(config: Config) -> list[Any]:
  found: list[Any] = []
  if config.mix is not None:
    found.append(functools.partial(config.mix, classes=config.data.classes))
  if config.drop_modalities:
    rates = config.drop_modalities
    found.append(functools.partial(_drop_modalities, rates=rates))
  return found


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


def _with_sharding(x: Any, sharding: Any) -> jax.ShapeDtypeStruct:
  return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)


def _zeros(shape: jax.ShapeDtypeStruct) -> jax.Array:
  return jnp.zeros(shape.shape, shape.dtype)


def _dtype(name: str, mesh: Mesh) -> Any:
  if name == 'auto':
    on_cpu = mesh.devices.flat[0].platform == 'cpu'
    return jnp.float32 if on_cpu else jnp.bfloat16
  if name == 'float64' and not jax.config.read('jax_enable_x64'):
    raise InputError(
      'compute_dtype float64 needs JAX_ENABLE_X64=1 in the environment'
    )
  return jnp.dtype(name)
