"""Activations that stay split by example, whatever splits the parameters."""

import contextlib
import math
from typing import Any

import flax.linen as nn
import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from mmjax.train.mesh import BATCH_AXES


def split_by_example(mesh: Mesh | None, rows: int) -> Any:
  """Context in which what modules return is split along its first axis.

  With parameters split over the same devices as the batch (FSDP) the compiler
  may otherwise bring examples together instead of parameters, and then hold
  the activations of all examples. Axes other than the first are left to it.

  Args:
    mesh: of the devices; None, or a mesh that only splits batches, changes
      nothing.
    rows: examples in the batch; arrays with another first axis are left alone.
  """
  if mesh is None or mesh.size == mesh.shape['data']:
    return contextlib.nullcontext()
  parts = math.prod(mesh.shape[axis] for axis in BATCH_AXES)

  def constrain(x):
    shape = getattr(x, 'shape', ())
    if not shape or shape[0] != rows or rows % parts:
      return x
    others = (PartitionSpec.UNCONSTRAINED,) * (len(shape) - 1)
    spec = PartitionSpec(BATCH_AXES, *others)
    return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, spec))

  def intercept(call, args, kwargs, context):
    out = call(*args, **kwargs)
    if context.method_name != '__call__':
      return out
    return jax.tree.map(constrain, out)

  return nn.intercept_methods(intercept)
