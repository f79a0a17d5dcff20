"""What devices on a mapped axis tell each other, added up in their own order.

`jax.lax.psum` adds in the order that suits the network, which is another one
where the devices belong to other processes. These add in the order of the
devices, and send no more: under `pmap` it changes no bit of a sum whether one
process owns the devices or several do.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

Axis = str | tuple[str, ...] | None
"""A mapped axis over devices, or several that are counted as one; or none."""


def devices(axis_name: Axis) -> int:
  """How many devices are on a mapped axis; one without an axis."""
  return 1 if axis_name is None else jax.lax.axis_size(axis_name)


def device(axis_name: Axis) -> Array:
  """Which of them this one is."""
  return jnp.int32(0) if axis_name is None else jax.lax.axis_index(axis_name)


def psum(tree: Any, axis_name: Axis) -> Any:
  """Adds up over the devices of a mapped axis; identity without one.

  All leaves of a dtype are sent together, for the sake of slow networks.
  """
  if axis_name is None:
    return tree
  leaves, structure = jax.tree.flatten(tree)
  leaves = [jnp.asarray(x) for x in leaves]
  found = list(leaves)
  for dtype in dict.fromkeys(x.dtype for x in leaves):
    where = [i for i, x in enumerate(leaves) if x.dtype == dtype]
    flat = jnp.concatenate([leaves[i].reshape(-1) for i in where])
    ends = np.cumsum([leaves[i].size for i in where])
    parts = jnp.split(_sum(flat, axis_name=axis_name), ends[:-1])
    for i, part in zip(where, parts, strict=True):
      found[i] = part.reshape(leaves[i].shape)
  return jax.tree.unflatten(structure, found)


def gather(x: Shaped[Array, 'b *d'], axis_name: Axis) -> Shaped[Array, 'n *d']:
  """The rows of all devices of a mapped axis; identity without one.

  The gradient of a row is summed over the devices that have used it.
  """
  if axis_name is None:
    return x
  if jnp.issubdtype(x.dtype, jnp.floating):
    return _gather(x, axis_name)
  return jax.lax.all_gather(x, axis_name, tiled=True)


def scatter_sum(
  x: Float[Array, 'n *d'], axis_name: Axis
) -> Float[Array, 'b *d']:
  """Adds up over devices what `gather` would give to each, and gives each the
  rows that are its own; identity without an axis.
  """
  if axis_name is None:
    return x
  parts = x.reshape(devices(axis_name), -1, *x.shape[1:])
  return jax.lax.all_to_all(parts, axis_name, 0, 0).sum(axis=0)


def _sum(
  x: Shaped[Array, ' n'], *, axis_name: str | tuple[str, ...]
) -> Shaped[Array, ' n']:
  count = jax.lax.axis_size(axis_name)
  # Each device adds up a part: as little to send as in a ring.
  parts = jnp.pad(x, (0, -x.size % count)).reshape(count, -1)
  part = jax.lax.all_to_all(parts, axis_name, 0, 0).sum(axis=0)
  return jax.lax.all_gather(part, axis_name, tiled=True)[: x.size]


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _gather(x: Array, axis_name: str | tuple[str, ...]) -> Array:
  return jax.lax.all_gather(x, axis_name, tiled=True)


def _gather_forward(
  x: Array, axis_name: str | tuple[str, ...]
) -> tuple[Array, None]:
  return _gather(x, axis_name), None


def _gather_backward(axis_name: Axis, _: None, slope: Array) -> tuple[Array]:
  return (scatter_sum(slope, axis_name),)


_gather.defvjp(_gather_forward, _gather_backward)
