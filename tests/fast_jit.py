"""`jax.jit` without optimisation: in tests compiling takes most of the time."""

import functools

import jax

fast_jit = functools.partial(
  jax.jit, compiler_options={'xla_backend_optimization_level': 0}
)
