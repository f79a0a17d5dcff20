"""What a run compiles: the step is made ready once, while the state is."""

import logging

import jax
import pytest
import tiny

from mmjax.train import loop
from mmjax.train.config import Config
from mmjax.train.mesh import MeshShape

WAYS = {
  'jit': {},
  'fsdp': {'mesh': MeshShape(fsdp=8), 'fsdp_min_size': 1},
  'pmap': {'strategy': 'pmap'},
}


@pytest.fixture
def compiled(caplog):
  """What has been compiled, in whichever thread."""
  jax.config.update('jax_log_compiles', True)
  with caplog.at_level(logging.WARNING, 'jax'):
    yield lambda: [
      text
      for text in caplog.messages
      if text.startswith('Finished XLA compilation')
    ]
  jax.config.update('jax_log_compiles', False)


@pytest.mark.slow
@pytest.mark.parametrize('way', WAYS)
def test_the_step_is_compiled_once(way, tmp_path, compiled):
  source = tmp_path / 'config.py'
  source.write_text('# nothing\n')
  config = Config(
    **vars(tiny.get_config())
    | WAYS[way]
    | {'steps': 2, 'evaluators': {}, 'sweeps': {}}
  )
  jax.clear_caches()
  loop.train(config, tmp_path / 'run', source=source)
  # `_fun` is what `pmap` makes of it.
  names = ('jit(step)', 'jit(_fun)')
  found = [text for text in compiled() if any(name in text for name in names)]
  assert len(found) == 1, found
