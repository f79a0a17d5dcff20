"""From a checkpoint's tensors to a model's variables."""

from pathlib import Path
from typing import Any

import jax

from mmjax.paths import map_named, named_leaves
from mmjax.pretrained.architecture import Architecture
from mmjax.pretrained.folder import Tensors
from mmjax.pretrained.shapes import variable_shapes
from mmjax.pretrained.table import load_rows


def load_variables(
  architecture: Architecture, tensors: Tensors, folder: Path, sharding: Any
) -> dict[str, Any]:
  """Collection -> its variables."""
  shapes = variable_shapes(architecture.model, architecture.inputs)
  # In the table parameters have no collection before their paths.
  params = shapes.pop('params')
  found = {}
  for path, x in load_rows(
    architecture.rows,
    tensors,
    named_leaves({**params, **shapes}),
    ignore=architecture.ignore,
    source=str(folder),
  ):
    place = sharding(path, x.shape) if callable(sharding) else sharding
    found[path] = jax.device_put(x, place)
  return {
    'params': map_named(lambda path, _: found[path], params),
    **map_named(lambda path, _: found[path], shapes),
  }
