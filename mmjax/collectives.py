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
from jaxtyping import Array, Shaped


def psum(tree: Any, axis_name: str | None) -> Any:
  """Adds up over the devices of a mapped axis; identity without one."""
  if axis_name is None:
    return tree
  return jax.tree.map(functools.partial(_sum, axis_name=axis_name), tree)


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


def _sum(x: Shaped[Array, '*d'], *, axis_name: str) -> Shaped[Array, '*d']:
  count = jax.lax.axis_size(axis_name)
  if x.size < count:
    return jax.lax.all_gather(x, axis_name).sum(axis=0)
  # Each device adds up a part: as little to send as in a ring.
  parts = jnp.pad(x.reshape(-1), (0, -x.size % count)).reshape(count, -1)
  part = jax.lax.all_to_all(parts, axis_name, 0, 0).sum(axis=0)
  whole = jax.lax.all_gather(part, axis_name, tiled=True)
  return whole[: x.size].reshape(x.shape)


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
