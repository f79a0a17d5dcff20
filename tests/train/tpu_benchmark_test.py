"""What `benchmarks/tpu.py` compiles, and what it says of it."""

import json
import subprocess
import sys

import jax
import pytest

from benchmarks import tpu
from mmjax.train.program import make_program

SMALL = {
  'topology': 'cpu:4',
  'per_chip': 2,
  'width': 32,
  'heads': 2,
  'image_size': 32,
  'text_length': 8,
  'vocabulary': 64,
}


def forward_flops(*, width, depth, tokens):
  """Of one example in a tower's blocks: kernels, scores and averages."""
  return depth * tokens * (2 * 12 * width**2 + 4 * tokens * width)


@pytest.mark.slow
@pytest.mark.parametrize('scan', [False, True])
def test_the_step_has_the_flops_of_its_formula(scan):
  def flops(depth):
    options = tpu.Options(**SMALL, depth=depth, scan=scan)
    program = make_program(tpu.config(options), jax.devices()[:4])
    return program.flops / (4 * options.per_chip)

  # Backward takes twice of what forward takes.
  want = 3 * sum(
    forward_flops(width=32, depth=1, tokens=tokens) for tokens in (4, 8)
  )
  assert flops(3) - flops(2) == want


def test_the_table_says_what_was_found_and_a_dash_where_nothing_was():
  found = {
    'hbm': {'arguments': 3 * 2**29, 'temporaries': 2**30},
    'flops': 4.5e12,
    'model_flops': 4.25e12,
    'collectives': {'all-reduce': {'count': 3, 'bytes': 5 * 2**20}},
    'cycles': 65_432_100,
    'mfu': 0.4956,
    'cycles_with_communication': 70_000_000,
    'compile_seconds': 12.3,
  }
  rows = tpu.rows(found)
  assert rows['arguments, GiB'] == '1.50'
  assert rows['TFLOP'] == '4.500'
  assert rows['all-reduce x 3, MiB'] == '5.0'
  assert (rows['M cycles'], rows['MFU']) == ('65.4', '0.496')
  rows = tpu.rows(found | {'flops': None, 'cycles': None, 'collectives': None})
  assert rows['TFLOP'] == rows['M cycles'] == '-'
  assert not any('all-reduce' in name for name in rows)


@pytest.mark.slow
def test_it_compiles_for_tpus_that_are_not_there():
  pytest.importorskip('libtpu')

  def run(*args):
    options = {**SMALL, 'topology': 'v5e:2x2', 'depth': 1}
    given = [
      part
      for name, value in options.items()
      for part in (f'--{name.replace("_", "-")}', str(value))
    ]
    done = subprocess.run(
      [sys.executable, '-m', 'benchmarks.tpu', *given, *args],
      capture_output=True,
      text=True,
    )
    assert done.returncode == 0, done.stderr
    assert '| M cycles | ' in done.stdout
    return json.loads(done.stdout.splitlines()[-1])

  found = run()
  # The compiler may sum up a tiny product in another way.
  assert found['flops'] == pytest.approx(found['model_flops'], rel=0.01)
  assert found['flops'] > 0
  assert 0 < found['mfu'] < 1
  assert found['collectives']['all-reduce']['count'] >= 1
  assert found['cycles_with_communication'] > found['cycles']
  # A loop's body counts as often as it runs.
  few, many = (
    run('--scan', '--remat', 'full', '--depth', depth) for depth in '36'
  )
  assert many['flops'] > many['model_flops'] > few['model_flops']
  assert 1.5 < many['cycles'] / few['cycles'] < 2.5
