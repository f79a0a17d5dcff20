"""The pmap strategy: one copy of the state on each device, one device's view.

`jax.pmap` wants a leading axis of devices on what it maps over; this is where
such arrays are made from the global ones that all else works with, and back.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PRNGKeyArray

from mmjax.train.mesh import replicated
from mmjax.train.state import TrainState
from mmjax.types import Batch, InputError

AXIS = 'data'


class Mapped(NamedTuple):
  """A step over mapped devices and the ways in and out.

  Attributes:
    step: `(state, batch) -> (state, metrics)`; donates the state.
    lower: lowers the step for shapes of the global state and batch.
    place: puts a process's rows of a batch on its devices.
    spread: gives each device its copy of a replicated state.
    whole: the replicated state again.
  """

  step: Callable[[TrainState, Batch], tuple[TrainState, Any]]
  lower: Callable[..., jax.stages.Lowered]
  place: Callable[[Any], Batch]
  spread: Callable[[TrainState], TrainState]
  whole: Callable[[TrainState], TrainState]


def map_over_devices(step: Any, key: PRNGKeyArray, mesh: Mesh) -> Mapped:
  """Maps a step, written for one device's view with `AXIS`, over all devices.

  Args:
    step: `(state, batch, key) -> (state, metrics)`.
    key: the run's root key.
    mesh: all devices of all processes, along `data`.

  Raises:
    InputError: the mesh has other axes than `data`.
  """
  for axis in ('fsdp', 'tensor'):
    if mesh.shape[axis] > 1:
      raise InputError(
        f'strategy pmap keeps everything on each device: mesh.{axis} '
        f'{mesh.shape[axis]} needs strategy jit'
      )
  # A host's devices stay together, also where hosts are only planned for.
  devices = sorted(mesh.devices.flat, key=lambda d: d.process_index)
  mapped = jax.pmap(
    step,
    axis_name=AXIS,
    in_axes=(0, 0, None),
    out_axes=(0, None),
    donate_argnums=0,
    devices=None if jax.process_count() > 1 else devices,
  )
  here = list(mesh.local_devices)
  own = NamedSharding(Mesh(np.asarray(here), (AXIS,)), PartitionSpec(AXIS))

  def place(batch):
    return jax.tree.map(
      lambda x: jax.device_put(
        np.asarray(x).reshape(len(here), -1, *np.shape(x)[1:]), own
      ),
      batch,
    )

  def lower(state, batch):
    # `pmap` takes arrays of what this process maps over.
    count = mesh.size // jax.process_count()
    # Those of devices that are here: as they are called, to be found again.
    sharding = own if len(here) == count else None
    copies, rows = jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(
        (count, *x.shape), x.dtype, sharding=sharding
      ),
      (state, jax.tree.map(lambda x: _rows(x, mesh.size), batch)),
    )
    return mapped.lower(copies, rows, key)

  def spread(x):
    copies = [shard.data[None] for shard in x.addressable_shards]
    shape = (len(here), *x.shape)
    return jax.make_array_from_single_device_arrays(shape, own, copies)

  def whole(x):
    copies = [shard.data.reshape(x.shape[1:]) for shard in x.addressable_shards]
    return jax.make_array_from_single_device_arrays(
      x.shape[1:], replicated(mesh), copies
    )

  return Mapped(
    step=lambda state, batch: mapped(state, batch, key),
    lower=lower,
    place=place,
    spread=lambda state: jax.tree.map(spread, state),
    whole=lambda state: jax.tree.map(whole, state),
  )


def _rows(x: Any, parts: int) -> jax.ShapeDtypeStruct:
  return jax.ShapeDtypeStruct((x.shape[0] // parts, *x.shape[1:]), x.dtype)
