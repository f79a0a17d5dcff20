"""Eight CPU devices, strict broadcasting, one seed: set before JAX starts."""

import os

from tests import flags

os.environ['JAX_PLATFORMS'] = 'cpu'
# Other flags that are set already must ask for eight devices, too.
os.environ.setdefault('XLA_FLAGS', flags.with_devices(8))

import jax
import jax.numpy as jnp
import numpy as np
import pytest

jax.config.update('jax_numpy_rank_promotion', 'raise')


@pytest.fixture
def rng() -> np.random.Generator:
  return np.random.default_rng(0)


@pytest.fixture
def random_params(rng):
  """Makes parameters of the right shapes without compiling initialisers."""

  def make(module, *args, scale=0.3, **kwargs):
    key = jax.random.key(0)
    shapes = jax.eval_shape(lambda k: module.init(k, *args, **kwargs), key)
    return jax.tree.map(
      lambda s: jnp.asarray(rng.normal(size=s.shape) * scale, s.dtype),
      shapes['params'],
    )

  return make


def pytest_terminal_summary(terminalreporter):
  """Prints what the tests measured of each way of running a step."""
  rows = [
    tuple(row)
    for report in terminalreporter.getreports('passed')
    for name, row in report.user_properties
    if name == 'exactness'
  ]
  if not rows:
    return
  terminalreporter.section('a step against one device, relative differences')
  for line in exactness_table(rows):
    terminalreporter.write_line(line)


def exactness_table(rows):
  """A line for each way and precision, from `(way, precision, what, l, g)`."""
  yield (
    '| way | precision | all together: loss | gradient | each alone: loss | '
    'gradient | largest of |'
  )
  yield '|---|---|---|---|---|---|---|'
  for way, precision in sorted({row[:2] for row in rows}):
    found = {row[2]: row[3:] for row in rows if row[:2] == (way, precision)}
    both = found.pop('all together', (float('nan'),) * 2)
    found = found or {'none': both}
    cells = [*both, *(max(one[i] for one in found.values()) for i in (0, 1))]
    worst = max(found, key=lambda name: found[name][1])
    numbers = ' | '.join(f'{cell:.1e}' for cell in cells)
    yield f'| {way} | {precision} | {numbers} | {worst}, {len(found)} |'
