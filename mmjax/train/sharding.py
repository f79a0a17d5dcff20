"""Where arrays live: the mesh, and the placing of batches and state on it."""

from collections import deque
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from mmjax.types import Batch, InputError


def make_mesh() -> Mesh:
  """All devices of all processes along one axis, `data`."""
  # Auto: under Explicit axes a product with the gathered side cannot trace.
  return jax.make_mesh(
    (jax.device_count(),), ('data',), axis_types=(AxisType.Auto,)
  )


def replicated(mesh: Mesh) -> NamedSharding:
  """The sharding of what every device holds whole."""
  return NamedSharding(mesh, PartitionSpec())


def by_example(mesh: Mesh) -> NamedSharding:
  """The sharding that splits the first axis over the data axis."""
  return NamedSharding(mesh, PartitionSpec('data'))


def check_batch_size(batch_size: int) -> None:
  """Raises InputError unless the devices share a batch equally."""
  devices = jax.device_count()
  if batch_size % devices:
    raise InputError(
      f'batch_size {batch_size} is not divisible by the {devices} devices'
    )


def place(batch: Any, mesh: Mesh) -> Batch:
  """Makes a global batch of the rows that each process holds."""
  sharding = by_example(mesh)
  return jax.tree.map(
    lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)),
    batch,
  )


def prefetch(batches: Iterator[Any], mesh: Mesh, depth: int = 2):
  """Yields placed batches, `depth` of them ahead of what is consumed."""
  queue: deque[Batch] = deque()
  for batch in batches:
    queue.append(place(batch, mesh))
    if len(queue) > depth:
      yield queue.popleft()
  yield from queue
