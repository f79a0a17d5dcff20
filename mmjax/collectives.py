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
from jaxtyping import Array, Shaped


def psum(tree: Any, axis_name: str | None) -> Any:
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


def gather(
  x: Shaped[Array, 'b *d'], axis_name: str | None
) -> Shaped[Array, 'n *d']:
  """The rows of all devices of a mapped axis; identity without one.

  The gradient of a row is summed over the devices that have used it.
  """
  if axis_name is None:
    return x
  if jnp.issubdtype(x.dtype, jnp.floating):
    return _gather(x, axis_name)
  return jax.lax.all_gather(x, axis_name, tiled=True)


def _sum(x: Shaped[Array, ' n'], *, axis_name: str) -> Shaped[Array, ' n']:
  count = jax.lax.axis_size(axis_name)
  # Each device adds up a part: as little to send as in a ring.
  parts = jnp.pad(x, (0, -x.size % count)).reshape(count, -1)
  part = jax.lax.all_to_all(parts, axis_name, 0, 0).sum(axis=0)
  return jax.lax.all_gather(part, axis_name, tiled=True)[: x.size]


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _gather(x: Array, axis_name: str) -> Array:
  return jax.lax.all_gather(x, axis_name, tiled=True)


def _gather_forward(x: Array, axis_name: str) -> tuple[Array, None]:
  return _gather(x, axis_name), None


def _gather_backward(axis_name: str, _: None, slope: Array) -> tuple[Array]:
  count = jax.lax.axis_size(axis_name)
  slopes = slope.reshape(count, -1, *slope.shape[1:])
  return (jax.lax.all_to_all(slopes, axis_name, 0, 0).sum(axis=0),)


_gather.defvjp(_gather_forward, _gather_backward)
