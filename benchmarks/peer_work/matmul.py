"""What the machine can do: one large product."""

import numpy as np

from peer_work.work import Work, generator

SIDE = 2048


def _inputs() -> tuple[np.ndarray, np.ndarray]:
  rng = generator()
  a, b = (rng.normal(size=(SIDE, SIDE)).astype(np.float32) for _ in 'ab')
  return a, b


def ours() -> Work:
  """JAX's."""
  import jax
  import jax.numpy as jnp

  a, b = map(jnp.asarray, _inputs())
  multiply = jax.jit(jnp.matmul)

  def run():
    return jax.block_until_ready(multiply(a, b))

  return Work(run, 2.0 * SIDE**3)


def theirs() -> Work:
  """torch's."""
  import torch

  a, b = map(torch.tensor, _inputs())
  return Work(lambda: a @ b, 2.0 * SIDE**3)
