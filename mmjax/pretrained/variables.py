"""From a checkpoint's tensors to a model's variables."""

from pathlib import Path
from typing import Any

import jax

from mmjax.paths import map_named, named_leaves
from mmjax.pretrained.architecture import Architecture
from mmjax.pretrained.folder import Tensors
from mmjax.pretrained.later import Later
from mmjax.pretrained.reading import check_rows, read_rows
from mmjax.pretrained.shapes import variable_shapes


def later_variables(
  architecture: Architecture, tensors: Tensors, folder: Path, sharding: Any
) -> tuple[Later, Later]:
  """A model's parameters and its other collections, read when asked for.

  Args:
    architecture: the model and its table.
    tensors: of the checkpoint; they are held until all was asked for.
    folder: where they are from, for errors.
    sharding: see `load`.

  Raises:
    InputError: the tensors are not those of the table; afterwards, where a
      value is asked for, only if their files have changed since.
  """
  shapes = variable_shapes(architecture.model, architecture.inputs)
  # In the table parameters have no collection before their paths.
  params = shapes.pop('params')
  leaves = named_leaves({**params, **shapes})
  rows, own = architecture.rows, named_leaves(params)
  check_rows(
    rows, tensors, leaves, ignore=architecture.ignore, source=str(folder)
  )
  tensors.check_dtypes([row.key for row in rows])
  places = {
    path: sharding(path, x.shape) if callable(sharding) else sharding
    for path, x in leaves.items()
  }

  def read(tree: Any, rows: Any) -> Any:
    found = {
      path: jax.device_put(x, places[path])
      for path, x in read_rows(rows, tensors, leaves)
    }
    tensors.check_unchanged()
    return map_named(lambda path, _: found[path], tree)

  here = [row for row in rows if row.paths[0] in own]
  rest = [row for row in rows if row.paths[0] not in own]
  return Later(lambda: read(params, here)), Later(lambda: read(shapes, rest))
