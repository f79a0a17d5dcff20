"""Whole runs under jit, under pmap and in two processes."""

from pathlib import Path

import pytest

from benchmarks import strategies

CONFIG = Path(__file__).with_name('tiny.py')


@pytest.mark.slow
def test_whole_runs_log_and_end_the_same(tmp_path, monkeypatch):
  monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
  found = strategies.compare(CONFIG, tmp_path, ['--steps', '16'])
  assert found.keys() == {'jit', 'pmap', 'two processes'}
  for name, row in found.items():
    assert row['loss'] <= 1e-5, name
    assert row['evaluation'] <= 1e-4, name
