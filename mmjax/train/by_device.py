"""Objectives that see the whole batch, and work on each device's rows of it."""

from collections.abc import Mapping
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec

from mmjax.train.mesh import BATCH_AXES
from mmjax.types import Batch, Outputs, Term


def over_devices(
  objective: Any, outputs: Outputs, batch: Batch, mesh: Mesh | None
) -> Mapping[str, Term]:
  """The terms of an objective, whose collectives stand in its own code.

  Left to the compiler, what an objective holds for one tile of the batch would
  be held for all. Each device gets its rows of `outputs`, all of
  `outputs['shared']`, and the names of the axes that split the batch.

  Args:
    objective: takes `axis_name`, a tuple.
    outputs: of the model, for the whole batch.
    batch: the whole batch.
    mesh: the devices; None, and there is one.
  """
  if mesh is None or all(mesh.shape[axis] == 1 for axis in BATCH_AXES):
    return objective(outputs, batch, axis_name=None)
  own = {name: x for name, x in outputs.items() if name != 'shared'}

  def local(own, shared, batch):
    found = objective({**own, 'shared': shared}, batch, axis_name=BATCH_AXES)
    return dict(found)

  rows, all_of_it = PartitionSpec(BATCH_AXES), PartitionSpec()
  # Gradients cross devices by rules of the collectives' own.
  run = jax.shard_map(
    local,
    mesh=mesh,
    in_specs=(rows, all_of_it, rows),
    out_specs=rows,
    axis_names={*BATCH_AXES},
    check_vma=False,
  )
  return run(own, outputs.get('shared', {}), batch)
