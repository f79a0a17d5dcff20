"""The code of docs/add_a_modality.md works as it stands there."""

import inspect
import re
import sys
import types
from pathlib import Path

import jax
import numpy as np
import pytest

from mmjax.data.pipeline import train_batches
from mmjax.train.config import load_config
from mmjax.train.program import make_program

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/add_a_modality.md').read_text()
BLOCKS = {
  re.match(r'# (\S+\.py)\n', block)[1]: block
  for block in re.findall(r'^```python\n(.*?)^```', PAGE, re.S | re.M)
}
ENCODER, TEST, CONFIG = BLOCKS


@pytest.fixture(autouse=True)
def _encoder(monkeypatch):
  """The new file, as if it were in its place."""
  name = ENCODER.removesuffix('.py').replace('/', '.')
  module = types.ModuleType(name)
  exec(compile(BLOCKS[ENCODER], ENCODER, 'exec'), module.__dict__)
  monkeypatch.setitem(sys.modules, name, module)


def test_its_test_passes(random_params):
  names = {'__name__': 'location_test'}
  exec(compile(BLOCKS[TEST], TEST, 'exec'), names)
  tests = [f for name, f in names.items() if name.startswith('test_')]
  assert len(tests) == 2
  for test in tests:
    assert [*inspect.signature(test).parameters] == ['random_params']
    test(random_params)


def _config(folder, *options):
  path = folder / Path(CONFIG).name
  path.write_text(BLOCKS[CONFIG])
  return load_config(path, ['--model.encoders.location.width', '8', *options])


def test_its_config_traces_and_takes_options(tmp_path):
  config = _config(tmp_path, '--data.spread', '0', '--batch-size', '64')
  assert config.model.encoders['location'].width == 8
  program = make_program(config)
  shapes = program.state.params['encoders_location']
  assert shapes['direction']['kernel'].shape == (3, 8)
  with train_batches(config.data, batch_size=64, seed=0) as batches:
    batch = next(batches)
  np.testing.assert_allclose(batch['mask']['location'].mean(), 0.75, atol=0.2)
  np.testing.assert_allclose(batch['location'][:, 0], 4.0 * batch['label'])


@pytest.mark.slow
def test_all_of_the_new_encoder_learns(tmp_path):
  options = ('--model.encoders.image.widths', '8', '--batch-size', '64')
  config = _config(tmp_path, *options, '--steps', '8')
  program = make_program(config, jax.devices()[:1])
  with train_batches(config.data, batch_size=64, seed=0) as batches:
    batch = next(batches)
  state = program.init()
  # A copy: the step takes over the memory of the state.
  before = jax.tree.map(np.array, state.params)
  losses = []
  for _ in range(8):
    state, metrics = program.step(state, program.place(batch))
    losses.append(float(metrics['loss'].total))
  moved = jax.tree.map(
    lambda a, b: np.abs(a - b).max() > 0, before, state.params
  )
  assert all(jax.tree.leaves(moved['encoders_location']))
  assert losses[-1] < losses[0]
