"""From a checkpoint's tensors to a model's variables."""

import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mmjax.paths import map_named, named_leaves
from mmjax.pretrained.architecture import Architecture
from mmjax.pretrained.folder import Tensors
from mmjax.pretrained.table import load_rows

# Axes of a modality's mask, where it is not one.
MASKED = {'text': 2, 'audio': 2, 'video': 2}


def load_variables(
  architecture: Architecture, tensors: Tensors, folder: Path, sharding: Any
) -> dict[str, Any]:
  """Collection -> its variables."""
  batch = dict(architecture.inputs)
  masks = {
    name: jax.ShapeDtypeStruct(x.shape[: MASKED.get(name, 1)], jnp.bool_)
    for name, x in batch.items()
  }
  init = functools.partial(architecture.model.init, jax.random.key(0))
  shapes = dict(jax.eval_shape(init, {**batch, 'mask': masks}))
  # In the table parameters have no collection before their paths.
  params = shapes.pop('params')
  named = named_leaves({**params, **shapes})
  found = {}
  for path, x in load_rows(
    architecture.rows,
    tensors,
    named,
    ignore=architecture.ignore,
    source=str(folder),
  ):
    place = sharding(path, x.shape) if callable(sharding) else sharding
    x = np.asarray(x, named[path].dtype, order='C')
    found[path] = jax.device_put(x, place)
  return {
    'params': map_named(lambda path, _: found[path], params),
    **map_named(lambda path, _: found[path], shapes),
  }
