"""Eight CPU devices, strict broadcasting, one seed: set before JAX starts."""

import os

os.environ['JAX_PLATFORMS'] = 'cpu'
os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=8'

import jax
import numpy as np
import pytest

jax.config.update('jax_numpy_rank_promotion', 'raise')


@pytest.fixture
def rng() -> np.random.Generator:
  return np.random.default_rng(0)
