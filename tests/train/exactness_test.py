"""Every way of running a step gives the gradients of one device."""

import functools
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train import exactness
from tests.train.exactness import OBJECTIVES, WAYS, Found, difference

ROOT = Path(__file__).parents[2]
OTHERS = [name for name in WAYS if name != 'one device']
# Each takes seconds to compile: these go through all the code.
ALWAYS = ('jit, tensor', 'pmap', 'accumulation')
LIMITS = {jnp.float32: (1e-6, 1e-5), jnp.float64: (1e-12, 1e-12)}


@functools.cache
def _one_device(names: tuple[str, ...], dtype) -> Found:
  objectives = {name: OBJECTIVES[name] for name in names}
  return exactness.run(WAYS['one device'], objectives, dtype)


def _check(record_property, way, names, dtype, found):
  loss, gradient = difference(found, _one_device(names, dtype))
  what = names[0] if len(names) == 1 else 'all together'
  record_property('exactness', (way, dtype.__name__, what, loss, gradient))
  assert loss <= LIMITS[dtype][0], (way, names)
  assert gradient <= LIMITS[dtype][1], (way, names)


@pytest.mark.parametrize(
  'way',
  [
    way if way in ALWAYS else pytest.param(way, marks=pytest.mark.slow)
    for way in OTHERS
  ],
)
def test_all_objectives_together(way, record_property):
  names = tuple(OBJECTIVES)
  found = exactness.run(WAYS[way], OBJECTIVES, jnp.float32)
  _check(record_property, way, names, jnp.float32, found)
  # Not because nothing was learned.
  assert max(abs(x).max() for x in jax.tree.leaves(found.gradient)) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize('name', OBJECTIVES)
@pytest.mark.parametrize('way', ['jit, data', 'pmap', 'accumulation'])
def test_each_objective(way, name, record_property):
  objectives = {name: OBJECTIVES[name]}
  found = exactness.run(WAYS[way], objectives, jnp.float32)
  _check(record_property, way, (name,), jnp.float32, found)


@pytest.mark.slow
@pytest.mark.parametrize('way', OTHERS)
def test_in_double_precision_nothing_is_left_but_rounding(way, record_property):
  names = tuple(OBJECTIVES)
  with jax.enable_x64(True):
    found = exactness.run(WAYS[way], OBJECTIVES, jnp.float64)
    _check(record_property, way, names, jnp.float64, found)


@pytest.mark.slow
def test_two_processes_of_four_devices(tmp_path, record_property):
  with socket.socket() as free:
    free.bind(('localhost', 0))
    coordinator = f'localhost:{free.getsockname()[1]}'
  environment = {
    **os.environ,
    'PYTHONPATH': str(ROOT),
    'JAX_PLATFORMS': 'cpu',
    'XLA_FLAGS': '--xla_force_host_platform_device_count=4',
  }
  processes = [
    subprocess.Popen(
      [sys.executable, exactness.__file__, coordinator, str(i), str(tmp_path)],
      stderr=subprocess.PIPE,
      text=True,
      env=environment,
    )
    for i in range(2)
  ]
  for process in processes:
    _, err = process.communicate(timeout=570)
    assert process.returncode == 0, err
  names = tuple(OBJECTIVES)
  for strategy in ('jit', 'pmap'):
    saved = np.load(tmp_path / f'{strategy}.npz')
    structure = jax.tree.structure(_one_device(names, jnp.float32).gradient)
    leaves = [saved[str(i)] for i in range(structure.num_leaves)]
    found = Found(float(saved['loss']), structure.unflatten(leaves))
    way = f'{strategy}, 2 processes'
    _check(record_property, way, names, jnp.float32, found)
