"""Whole runs under jit, under pmap and in two processes."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import strategies
from mmjax.train.config import load_config
from mmjax.train.program import make_program
from mmjax.types import InputError
from tests import flags

CONFIG = Path(__file__).with_name('tiny.py')


@pytest.mark.slow
def test_whole_runs_log_and_end_the_same(tmp_path, monkeypatch):
  monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
  monkeypatch.setenv('XLA_FLAGS', flags.FAST)
  found = strategies.compare(CONFIG, tmp_path, ['--steps', '16'])
  assert len(found) == 4
  for name, row in found.items():
    assert row['loss'] <= 1e-5, name
    assert row['evaluation'] <= 1e-4, name
  # Whoever owns the devices, pmap adds up in their order.
  assert found['pmap, two processes']['reference'] == 'pmap'
  assert found['pmap, two processes']['loss'] == 0


@pytest.mark.slow
def test_float64_is_float64_everywhere():
  config = load_config(
    CONFIG, ['--compute-dtype', 'float64', '--ema-decay', '0.9']
  )
  with pytest.raises(InputError, match='JAX_ENABLE_X64=1'):
    make_program(config)
  with jax.enable_x64(True):
    state = make_program(config).state
  floats = [
    leaf.dtype
    for leaf in jax.tree.leaves((state.params, state.opt_state, state.ema))
    if jnp.issubdtype(leaf.dtype, np.floating)
  ]
  assert len(floats) > 80
  assert set(floats) == {np.dtype('float64')}
