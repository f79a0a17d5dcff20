"""Every way of running a step gives the gradients of one device."""

import functools
import itertools
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import flags
from tests.train import exactness
from tests.train.exactness import OBJECTIVES, WAYS, Found, difference

ROOT = Path(__file__).parents[2]
CHOICES = exactness.choices()
# Each takes long to compile; step_test.py has a mesh and pmap, too.
ALWAYS = ('accumulation',)
LIMITS = {jnp.float32: (1e-6, 1e-5), jnp.float64: (1e-12, 1e-12)}
EVERY_WAY = pytest.mark.parametrize(
  'way',
  [
    way if way in ALWAYS else pytest.param(way, marks=pytest.mark.slow)
    for way in WAYS
    if way != 'one device'
  ],
)
EVERY_OBJECTIVE = pytest.mark.parametrize('what', CHOICES)

prepare = functools.cache(exactness.prepare)


@functools.cache
def _one_device(what: str, dtype) -> Found:
  return prepare(WAYS['one device'], dtype)(CHOICES[what])


def _check(record_property, way, what, dtype, found):
  want = _one_device(what, dtype)
  loss, gradient = difference(found, want)
  record_property('exactness', (way, dtype.__name__, what, loss, gradient))
  assert loss <= LIMITS[dtype][0], (way, what)
  assert gradient <= LIMITS[dtype][1], (way, what)
  # Not because nothing was learned.
  assert max(abs(x).max() for x in jax.tree.leaves(want.gradient)) > 0.01


@EVERY_WAY
@EVERY_OBJECTIVE
def test_single_precision(way, what, record_property):
  found = prepare(WAYS[way], jnp.float32)(CHOICES[what])
  _check(record_property, way, what, jnp.float32, found)


@pytest.mark.slow
@pytest.mark.parametrize('way', [way for way in WAYS if way != 'one device'])
@EVERY_OBJECTIVE
def test_in_double_precision_nothing_is_left_but_rounding(
  way, what, record_property
):
  with jax.enable_x64(True):
    found = prepare(WAYS[way], jnp.float64)(CHOICES[what])
    _check(record_property, way, what, jnp.float64, found)


def test_an_objective_is_chosen_by_the_batch():
  # What the others would add is not in it.
  alone = [_one_device(name, jnp.float32) for name in OBJECTIVES]
  together = _one_device('all together', jnp.float32)
  assert sum(found.loss for found in alone) == pytest.approx(together.loss)
  assert len({found.loss for found in alone}) == len(OBJECTIVES)


@pytest.mark.slow
def test_two_processes_of_four_devices(tmp_path, record_property):
  with socket.socket() as free:
    free.bind(('localhost', 0))
    coordinator = f'localhost:{free.getsockname()[1]}'
  environment = {
    **os.environ,
    'PYTHONPATH': str(ROOT),
    'JAX_PLATFORMS': 'cpu',
    'XLA_FLAGS': flags.with_devices(4),
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
  for strategy, what in itertools.product(('jit', 'pmap'), CHOICES):
    saved = np.load(tmp_path / f'{strategy}, {what}.npz')
    structure = jax.tree.structure(_one_device(what, jnp.float32).gradient)
    leaves = [saved[str(i)] for i in range(structure.num_leaves)]
    found = Found(float(saved['loss']), structure.unflatten(leaves))
    way = f'{strategy}, 2 processes'
    _check(record_property, way, what, jnp.float32, found)
