"""How FSDP moves parameters and leaves activations with their examples."""

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


def compiler_options(mesh: Mesh) -> dict[str, str] | None:
  """What the compiler for the mesh's devices has to be told.

  For TPUs, to gather a split kernel before it is multiplied. Left alone it
  multiplies slice by slice as they arrive, and slices of a kernel that many
  devices share are so thin that products take twice the cycles
  (docs/parallelism.md, "Plan").

  Where all devices have all parameters, only embeddings are gathered, for
  losses that compare them. To hide that the compiler cuts it into pieces and
  has the products of a whole tower carry them, which takes those products
  longer than sending it would (docs/performance.md, "The accelerator on
  paper").

  On a v5e a fusion gets 32 MiB of the fast memory, more than it would: products
  take larger pieces then (the same page).
  """
  device = mesh.devices.flat[0]
  if device.platform != 'tpu':
    return None
  options = {}
  if device.device_kind == 'TPU v5 lite':
    options['xla_tpu_scoped_vmem_limit_kib'] = str(32 * 2**10)
  if mesh.shape['fsdp'] > 1:
    options['xla_jf_spmd_threshold_for_windowed_einsum_mib'] = '1000000'
  elif mesh.size == mesh.shape['data']:
    fuse = 'xla_tpu_enable_async_collective_fusion_fuse_all_gather'
    options[fuse] = 'false'
  return options or None
