"""A program that compiles at once: one array learns the mean of the labels.

As a script it is one of several processes that train it:

  python tests/train/mean_program.py PORT PROCESSES INDEX train.py's options...
"""

import sys
import time

import jax
import jax.numpy as jnp
from jax.experimental import multihost_utils

from mmjax.metrics import Ratio
from mmjax.train.mesh import make_mesh, place, replicated
from mmjax.train.program import Program
from mmjax.train.state import TrainState


def make(*, size=4, bad=-1, before=lambda step: None):
  """Makes the program.

  Args:
    size: how many copies of the mean it learns.
    bad: row of the data at which the loss is NaN.
    before: called with the number of each step, counted from 1.
  """
  mesh = make_mesh()
  whole = replicated(mesh)

  def step(state, batch):
    error = state.params - batch['label'].astype(jnp.float32).mean()
    is_bad = (batch['index'] == bad).any()
    loss = jnp.where(is_bad, jnp.nan, (error**2).mean())
    finite = jnp.isfinite(loss)
    params = jnp.where(finite, state.params - 0.1 * error, state.params)
    state = state._replace(step=state.step + 1, params=params)
    one = jnp.ones(())
    metrics = {'loss': Ratio(loss, one), 'finite': Ratio(finite * one, one)}
    return state, metrics

  def start():
    params = jnp.zeros(size)
    if size > 4:
      # So that a checkpoint cannot be compressed.
      params = jax.random.normal(jax.random.key(0), (size,))
    return TrainState(jnp.zeros((), jnp.int32), params, (), None, {})

  compiled = jax.jit(step, out_shardings=whole)

  number = jax.ShapeDtypeStruct((8,), jnp.int32)
  rows = {'label': number, 'index': number}

  def before_and_step(state, batch):
    before(int(state.step) + 1)
    return compiled(state, batch)

  return Program(
    mesh=mesh,
    state=jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=whole),
      jax.eval_shape(start),
    ),
    init=jax.jit(start, out_shardings=whole),
    spread=lambda state: state,
    whole=lambda state: state,
    place=lambda batch: place(batch, mesh),
    step=before_and_step,
    lower=lambda: compiled.lower(jax.eval_shape(start), rows),
    predict=lambda state, batch: {},
    parameters=size,
    flops=1000,
  )


def _one_of_several():
  port, count, index, *options = sys.argv[1:]
  jax.config.update('jax_cpu_collectives_implementation', 'gloo')
  jax.distributed.initialize(
    f'localhost:{port}', int(count), int(index), heartbeat_timeout_seconds=20
  )
  from mmjax import main
  from mmjax.train import loop

  # Slow enough to be stopped in between.
  program = make(before=lambda step: time.sleep(0.1))
  loop.make_program = lambda config: program
  multihost_utils.sync_global_devices('ready')
  sys.exit(main.main(options))


if __name__ == '__main__':
  _one_of_several()
