"""One training step, run in every way there is, for comparing its gradients.

Run as a script it is one of several processes and writes what it found.
"""

import argparse
import dataclasses
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mmjax import masking
from mmjax.paths import map_named
from mmjax.train.mapped import AXIS, map_over_devices
from mmjax.train.mesh import MeshShape, make_mesh, place, replicated
from mmjax.train.sharding import state_shardings
from mmjax.train.state import TrainState
from mmjax.train.step import make_train_step
from mmjax.types import Term
from tests.train.exactness_model import ALL, MODEL, OBJECTIVES

# So large that the parameters do not round the gradient away.
RATE = 2.0**16


@dataclasses.dataclass(frozen=True)
class Chosen:
  """An objective that counts if the batch says so: one program serves all."""

  name: str

  @property
  def weight(self):
    return OBJECTIVES[self.name].weight

  @property
  def by_device(self):
    return getattr(OBJECTIVES[self.name], 'by_device', False)

  def __call__(self, outputs, batch, *, axis_name=None):
    terms = OBJECTIVES[self.name](outputs, batch, axis_name=axis_name)
    chosen = batch['chosen'][self.name]
    return {k: Term(chosen * x.loss, x.weight) for k, x in terms.items()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Way:
  """How a step is run; on all devices that there are."""

  mesh: MeshShape = MeshShape()
  strategy: str = 'jit'
  accumulate: int = 1
  devices: int | None = None


WAYS = {
  'one device': Way(devices=1),
  'jit, data': Way(),
  'jit, fsdp': Way(mesh=MeshShape(fsdp=4)),
  'jit, tensor': Way(mesh=MeshShape(tensor=2)),
  'pmap': Way(strategy='pmap'),
  'accumulation': Way(devices=1, accumulate=4),
  'pmap, accumulation': Way(strategy='pmap', accumulate=2),
}


class Found(NamedTuple):
  """The loss of a step and its gradient, on the host."""

  loss: float
  gradient: Any


def make_batch(rows: int = 32, chosen: Collection[str] = ALL):
  """Absent modalities, weights that differ by device, unknown targets."""
  rng = np.random.default_rng(0)
  words = np.arange(5)[None] < rng.integers(0, 6, rows)[:, None]
  # Of its own: what the others are given stays what it was.
  said = np.random.default_rng(1).integers(4, 8, (rows, 3))
  segments = np.random.default_rng(2).integers(-1, 3, (rows, 8, 8))
  return {
    'image': rng.random((rows, 8, 8, 3)).astype(np.float32),
    'text': rng.integers(4, 260, (rows, 5)).astype(np.int32),
    'said': said.astype(np.int32),
    'mask': {
      'image': rng.random(rows) < 0.7,
      'text': words,
      'said': np.arange(3)[None] < np.arange(rows)[:, None] % 4,
    },
    'label': rng.integers(-1, 4, rows).astype(np.int32),
    'tags': rng.integers(-1, 2, (rows, 4)).astype(np.int32),
    'segments': segments.astype(np.int32),
    'rank': rng.integers(-1, 4, rows).astype(np.int32),
    'value': np.where(
      rng.random((rows, 2)) < 0.2, np.nan, rng.normal(size=(rows, 2))
    ).astype(np.float32),
    'weight': np.repeat([0.0, 1.0, 3.0, 0.5], rows // 4).astype(np.float32),
    'index': np.arange(100, 100 + rows, dtype=np.int32),
    'chosen': {
      name: np.full(rows, name in chosen, np.float32) for name in OBJECTIVES
    },
  }


def _drop(batch, keys):
  return masking.drop_modalities(batch, keys, {'image': 0.3, 'text': 0.3})


def prepare(way: Way, dtype: Any) -> Callable[[Collection[str]], Found]:
  """Makes the function that does a step with the objectives of these names.

  It is a step of plain descent; the gradient is read off the parameters. The
  first call compiles it.
  """
  mesh = make_mesh(way.mesh, jax.devices()[: way.devices])
  tx = optax.sgd(RATE)

  def step(**view):
    return make_train_step(
      MODEL,
      {name: Chosen(name) for name in OBJECTIVES},
      tx,
      **view,
      augment=[_drop],
      compute_dtype=dtype,
      accumulate=way.accumulate,
    )

  params = _params(dtype)
  zero = np.zeros((), np.int32)
  state = TrainState(zero, params, tx.init(params), None, {})
  shardings = state_shardings(state, mesh, min_size=16)
  state = jax.tree.map(
    lambda x, s: jax.make_array_from_callback(np.shape(x), s, x.__getitem__),
    state,
    shardings,
  )
  key = jax.random.key(3)
  if way.strategy == 'pmap':
    mapped = map_over_devices(step(axis_name=AXIS), key, mesh)
  else:
    out = (shardings, replicated(mesh))
    compiled = jax.jit(step(mesh=mesh), out_shardings=out)
  gather = jax.jit(lambda x: x, out_shardings=replicated(mesh))

  def run(chosen: Collection[str]) -> Found:
    batch = make_batch(chosen=chosen)
    share = len(batch['index']) // jax.process_count()
    start = jax.process_index() * share
    batch = jax.tree.map(lambda x: x[start : start + share], batch)
    if way.strategy == 'pmap':
      after, metrics = mapped.step(mapped.spread(state), mapped.place(batch))
      after = mapped.whole(after)
    else:
      after, metrics = compiled(state, place(batch, mesh), key)
    gradient = jax.tree.map(
      lambda before, after: (before - np.asarray(gather(after))) / RATE,
      params,
      after.params,
    )
    return Found(float(np.asarray(metrics['loss'].total)), gradient)

  return run


def choices() -> dict[str, tuple[str, ...]]:
  """All objectives together, and each alone."""
  return {'all together': ALL, **{name: (name,) for name in OBJECTIVES}}


def _params(dtype):
  """The same random parameters wherever they are needed."""
  batch = jax.tree.map(jnp.asarray, make_batch(4))
  key = jax.random.key(0)
  shapes = jax.eval_shape(lambda key: MODEL.init(key, batch), key)['params']
  rng = np.random.default_rng(1)
  return jax.tree.map(
    lambda s: (rng.normal(size=s.shape) * 0.3).astype(dtype), shapes
  )


def difference(found: Found, want: Found) -> tuple[float, float]:
  """Relative differences: of the loss, and the largest of any leaf's norm.

  The biases of attention's keys have no gradient, because softmax does not see
  them: their rounding noise is measured against the largest gradient.
  """
  largest = max(np.linalg.norm(x) for x in jax.tree.leaves(want.gradient))

  def relative(name, a, b):
    norm = largest if name.endswith('key/bias') else np.linalg.norm(b)
    return np.linalg.norm(a - b) / norm if norm else np.linalg.norm(a)

  leaves = map_named(relative, found.gradient, want.gradient)
  return (
    abs(found.loss - want.loss) / abs(want.loss),
    max(jax.tree.leaves(leaves)),
  )


def main() -> None:
  """Runs the objectives as one of several processes; process 0 saves."""
  parser = argparse.ArgumentParser()
  parser.add_argument('coordinator')
  parser.add_argument('process', type=int)
  parser.add_argument('out', type=Path)
  args = parser.parse_args()
  jax.distributed.initialize(args.coordinator, 2, args.process)
  for strategy in ('jit', 'pmap'):
    run = prepare(Way(strategy=strategy), jnp.float32)
    for what, chosen in choices().items():
      found = run(chosen)
      if jax.process_index() == 0:
        leaves = jax.tree.leaves(found.gradient)
        named = {str(i): leaf for i, leaf in enumerate(leaves)}
        np.savez(args.out / f'{strategy}, {what}.npz', loss=found.loss, **named)


if __name__ == '__main__':
  main()
