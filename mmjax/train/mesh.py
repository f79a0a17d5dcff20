"""The mesh of devices, and the rows of a batch on it.

A mesh has three axes: over `data` and `fsdp` the batch is split; over `fsdp`
large parameters, too; over `tensor` the heads of attention and the hidden layer
of MLPs. Models know nothing of this.
"""

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from mmjax.types import Batch, InputError

AXES = ('data', 'fsdp', 'tensor')
BATCH_AXES = ('data', 'fsdp')


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeshShape:
  """How many devices share each kind of work; the product is all of them."""

  data: int = -1
  """Devices that split the batch; -1 is whatever the others leave."""
  fsdp: int = 1
  """Devices that split the batch and large parameters and their optimiser."""
  tensor: int = 1
  """Devices that split attention heads and the hidden layer of each MLP."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    for name in AXES:
      size = getattr(self, name)
      if size < 1 and not (name == 'data' and size == -1):
        raise ValueError(f'mesh.{name} {size} is below 1')

  def sizes(self, devices: int) -> tuple[int, int, int]:
    """Sizes of `AXES` on so many devices.

    Raises:
      InputError: the axes do not multiply to the number of devices.
    """
    others = self.fsdp * self.tensor
    data = devices // others if self.data == -1 else self.data
    if data * others != devices:
      raise InputError(
        f'mesh data {self.data} x fsdp {self.fsdp} x tensor {self.tensor} does '
        f'not make up the {devices} devices'
      )
    return data, self.fsdp, self.tensor


def make_mesh(
  shape: MeshShape | None = None, devices: Sequence[Any] | None = None
) -> Mesh:
  """The devices of all processes along `AXES`; along `data` by default.

  Raises:
    InputError: the shape does not make up the devices.
  """
  shape = MeshShape() if shape is None else shape
  devices = jax.devices() if devices is None else devices
  # Auto: under Explicit axes a product with the gathered side cannot trace.
  return jax.make_mesh(
    shape.sizes(len(devices)),
    AXES,
    axis_types=(AxisType.Auto,) * len(AXES),
    devices=devices,
  )


def replicated(mesh: Mesh) -> NamedSharding:
  """The sharding of what every device holds whole."""
  return NamedSharding(mesh, PartitionSpec())


def by_example(mesh: Mesh) -> NamedSharding:
  """The sharding that splits the first axis among those that split batches."""
  return NamedSharding(mesh, PartitionSpec(BATCH_AXES))


def check_batch_size(
  batch_size: int, mesh: Mesh, *, accumulate: int = 1
) -> None:
  """Raises InputError unless devices and micro-batches divide the batch."""
  parts = math.prod(mesh.shape[axis] for axis in BATCH_AXES)
  if batch_size % (parts * accumulate):
    pieces = f' in {accumulate} micro-batches' if accumulate > 1 else ''
    raise InputError(
      f'batch_size {batch_size} is not divisible by the {parts} devices that '
      f'split it{pieces}'
    )


def share_of_process(mesh: Mesh, process: int | None = None) -> tuple[int, int]:
  """Which share of every batch a process reads: its index, of how many.

  Processes whose devices split only parameters among them read the same share.

  Raises:
    InputError: the mesh gives the process rows that are no such share.
  """
  process = jax.process_index() if process is None else process
  rows = math.prod(mesh.shape[axis] for axis in BATCH_AXES)
  grid = mesh.devices.reshape(rows, -1)
  mine = [
    row
    for row in range(rows)
    if any(d.process_index == process for d in grid[row])
  ]
  first, count = mine[0], len(mine)
  if mine != list(range(first, first + count)) or first % count or rows % count:
    raise InputError(
      f'mesh {dict(mesh.shape)} gives process {process} the parts {mine} of '
      f'{rows} of a batch: let fsdp and tensor stay within a process'
    )
  return first // count, rows // count


def place(batch: Any, mesh: Mesh) -> Batch:
  """Makes a global batch of the rows that each process holds."""
  sharding = by_example(mesh)
  return jax.tree.map(
    lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)),
    batch,
  )


def prefetch(
  batches: Iterator[Any], place: Callable[[Any], Batch], depth: int = 2
) -> Iterator[Batch]:
  """Yields batches that `place` has put on devices, `depth` of them ahead."""
  queue: deque[Batch] = deque()
  for batch in batches:
    queue.append(place(batch))
    if len(queue) > depth:
      yield queue.popleft()
  yield from queue
