"""What `--plan` says of a run, and what it advises where that does not fit."""

import dataclasses
import json
import os
import subprocess
import sys

import jax
import pytest

from mmjax.main import main
from mmjax.train import plan as planning
from mmjax.train import topologies
from mmjax.train.advice import advise, bytes_per_device
from mmjax.train.costs import Costs, Traffic
from mmjax.train.mesh import MeshShape, make_mesh
from mmjax.train.optimizer import SGD, Adafactor, AdamW
from mmjax.train.program import make_program
from mmjax.train.sharding import state_shardings
from mmjax.types import InputError
from tests import flags
from tests.train import tiny

KEYS = {
  'topology', 'devices', 'parameters', 'flops_per_chip', 'hbm', 'fits',
  'collectives', 'estimated_cycles', 'mfu', 'compile_seconds',
}  # fmt: skip
GIB = 2**30


def run(workdir, *options):
  """Runs train.py in a process of its own; its JSON and what it said."""
  # Nothing of what is compiled is run: it may be slow.
  env = os.environ | {'XLA_FLAGS': flags.FAST}
  shallow = '--model.encoders.image.depth 0 --model.encoders.text.depth 0'
  done = subprocess.run(
    [
      *(sys.executable, 'train.py', '--config', 'tests/train/tiny.py'),
      *('--workdir', str(workdir), *shallow.split(), *options),
    ],
    env=env,
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  found = json.loads(done.stdout.splitlines()[-1])
  assert found == json.loads((workdir / 'plan.json').read_text())
  # Nothing was trained.
  assert [path.name for path in workdir.iterdir()] == ['plan.json']
  assert found.keys() >= KEYS
  return found, done.stderr


@pytest.mark.slow
def test_plan_for_pretended_cpus(tmp_path):
  options = '--plan cpu:8 --mesh.fsdp 8 --fsdp-min-size 64 --batch-size 64'
  found, said = run(tmp_path / 'w', *options.split())
  assert (found['topology'], found['devices']) == ('cpu:8', 8)
  # All of the work is split: no device does what another does, too.
  assert found['flops_per_chip'] == found['model_flops_per_chip'] > 0
  hbm, parameters = found['hbm'], 4 * found['parameters']
  assert hbm.keys() == {'arguments', 'temporaries', 'total', 'limit'}
  # Parameters and both moments, of which each device holds an eighth, nearly.
  assert parameters < 8 * hbm['arguments'] / 3 < 8 * parameters / 3
  assert hbm['total'] >= hbm['arguments'] + hbm['temporaries'] > 0
  assert found['fits'] is True
  assert found['advice'] == []
  # Parameters travel, and their gradients; examples stay where they are, or it
  # would be several times as much.
  sent = sum(one['bytes'] for one in found['collectives'].values())
  assert parameters < sent < 3 * parameters
  assert found['estimated_cycles'] is found['mfu'] is None
  assert 'FLOPs' in said
  assert 'memory: limit' in said


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    (['--plan', 'v5e:3x3'], "no topology 'v5e:3x3'"),
    (['--plan', 'v7:2x2'], 'v5e:16x16'),
    (['--plan', 'v5p:2x2'], 'v5p:2x2x1'),
    (['--plan', 'cpu:0'], 'cpu:N'),
    (['--plan', 'cpu:8', '--evaluate'], '--plan and --evaluate'),
    (['--plan', 'cpu:8', '--distributed'], '--plan needs no other process'),
  ],
)
def test_names_that_are_not_there_get_the_list(
  options, message, tmp_path, capsys
):
  workdir = tmp_path / 'w'
  args = ['--config', 'tests/train/tiny.py', '--workdir', str(workdir)]
  assert main([*args, *options]) == 2
  said = capsys.readouterr()
  assert (said.out, said.err.count('\n')) == ('', 1)
  assert message in said.err
  assert not workdir.exists()


def test_without_libtpu_the_command_that_installs_it_is_told(
  tmp_path, capsys, monkeypatch
):
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  args = ['--config', 'tests/train/tiny.py', '--workdir', str(tmp_path / 'w')]
  assert main([*args, '--plan', 'v5e:2x2']) == 2
  said = capsys.readouterr()
  assert (said.out, said.err.count('\n')) == ('', 1)
  assert "pip install 'mmjax[plan]'" in said.err


def test_more_cpus_than_jax_was_started_with():
  with pytest.raises(InputError, match=r'cpu:16 found JAX with 8 CPU devices'):
    topologies.find('cpu:16').devices()


def test_chips_are_those_that_jax_knows():
  for chip in topologies.CHIPS.values():
    assert 1.4e9 < chip.clock < 1.8e9
  v5p = topologies.find('v5p:4x4x8')
  assert (v5p.size, v5p.hosts, v5p.larger()) == (128, 32, 'v5p:4x8x8')
  assert topologies.find('v5e:16x16').larger() is None


@pytest.mark.parametrize('family', topologies.CHIPS)
def test_the_compiler_for_tpus_knows_all_shapes(family):
  pytest.importorskip('libtpu')
  chip = topologies.CHIPS[family]
  for shape in chip.shapes:
    topology = topologies.find(f'{family}:{shape}')
    devices = topology.devices()
    assert len(devices) == topology.size
    assert {device.device_kind for device in devices} == {chip.kind}
    assert len({d.process_index for d in devices}) == topology.hosts


FULL = """\
RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in \
memory space hbm. Used 20.50G of 15.75G hbm. Exceeded hbm capacity by 4.75G.

Total hbm usage >= 20.75G:
    reserved        258.00M
    program          18.50G
    arguments         2.00G
"""
HUGE = """\
RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for \
HLO temporaries (128.00G) exceeds available HBM (15.75G).
"""


def test_what_does_not_fit_is_told_by_the_error():
  found = planning.parse_out_of_memory(FULL, arguments=0)
  assert found == (2 * GIB, 18.5 * GIB, 20.5 * GIB, 15.75 * GIB)
  found = planning.parse_out_of_memory(HUGE, arguments=GIB)
  assert found == (GIB, 127 * GIB, 128 * GIB, 15.75 * GIB)
  other = FULL.replace('RESOURCE_EXHAUSTED', 'INTERNAL')
  assert planning.parse_out_of_memory(other, arguments=0) is None


@pytest.fixture(scope='module')
def config():
  return dataclasses.replace(tiny.get_config(), fsdp_min_size=64, ema_decay=0.9)


@pytest.fixture(scope='module')
def program(config):
  return make_program(config, jax.devices()[:4])


@pytest.fixture
def plan(config, program, monkeypatch, tmp_path):
  """Plans with a compiler that has only one answer."""

  def plan(answer):
    def compile(self):
      raise jax.errors.JaxRuntimeError(answer)

    monkeypatch.setattr(planning, 'make_program', lambda *_: program)
    monkeypatch.setattr(jax.stages.Lowered, 'compile', compile)
    topology = topologies.find('cpu:4')
    return planning.plan(config, topology, tmp_path / 'w')

  return plan


def test_a_plan_that_does_not_fit_says_what_to_turn(plan, tmp_path, capsys):
  found = plan(FULL)
  assert found == json.loads((tmp_path / 'w' / 'plan.json').read_text())
  assert found['fits'] is False
  assert found['hbm']['total'] == 20.5 * GIB
  assert found['flops_per_chip'] is found['collectives'] is None
  said = ' '.join(capsys.readouterr().err.split())
  assert 'does not fit' in said
  assert [one['options'] for one in found['advice']] == [
    # No more of the state is there to be saved than some kilobytes.
    '--model.encoders.image.remat projections '
    '--model.encoders.text.remat projections',
    '--model.encoders.image.remat full --model.encoders.text.remat full',
    '--accumulate 2',
    '--batch-size 16',
  ]
  for one in found['advice']:
    assert one['options'] in said


def test_other_failures_of_the_compiler_stay_failures(plan, tmp_path):
  with pytest.raises(jax.errors.JaxRuntimeError, match='a bug'):
    plan('INTERNAL: a bug')
  assert not (tmp_path / 'w').exists()


def test_what_advice_saves_is_what_the_state_loses(config, program):
  state = bytes_per_device(program.state)
  fsdp, *rest = advise(config, program, missing=state)
  assert fsdp.options == '--mesh.fsdp 4'
  split = state_shardings(
    program.state, make_mesh(MeshShape(fsdp=4), jax.devices()[:4]), min_size=64
  )
  after = bytes_per_device(
    jax.tree.map(
      lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
      program.state,
      split,
    )
  )
  assert after == state - fsdp.saves
  saves = {one.options: one.saves for one in rest}
  assert saves['--ema-decay 0'] == 4 * program.parameters
  assert saves['--optimizer.moment-dtype bfloat16'] == 2 * program.parameters
  # Where less is missing, fewer devices share: what they send stays nearer.
  assert (
    advise(config, program, missing=state // 8)[0].options == '--mesh.fsdp 2'
  )


def test_advice_is_only_what_this_config_can_turn(config, program):
  def turned(**changes):
    found = advise(
      dataclasses.replace(config, **changes),
      program,
      missing=bytes_per_device(program.state),
    )
    return [one.options for one in found if '--model' not in one.options]

  assert turned(strategy='pmap', ema_decay=0.0) == [
    '--strategy jit --mesh.fsdp 4',
    '--accumulate 2',
    '--optimizer.moment-dtype bfloat16',
    '--batch-size 16',
  ]
  assert '--accumulate 8' in turned(accumulate=4)
  # One example on each device: there is nothing to halve any more.
  alone = turned(accumulate=8)
  assert not any('accumulate' in one or 'batch' in one for one in alone)
  # Without a first moment, or with half of one, nothing is to be gained.
  for optimizer in (
    Adafactor(),
    SGD(momentum=0.0),
    AdamW(moment_dtype='bfloat16'),
  ):
    assert not any('moment' in one for one in turned(optimizer=optimizer))


def test_communication_adds_to_the_cycles():
  topology = topologies.find('v5e:4x4')
  costs = Costs(
    flops=0,
    cycles=1000,
    collectives={
      'all-reduce': Traffic(1, 10**9), 'all-gather': Traffic(3, 2 * 10**9)
    },
  )  # fmt: skip
  # A sum goes around twice; 4 GB at 200 GB/s are 20 ms.
  want = 1000 + 0.020 * 197e12 / (4 * 128 * 128 * 2)
  assert planning.estimate_cycles(costs, topology) == pytest.approx(want)
  assert planning.estimate_cycles(costs, topologies.find('cpu:2')) is None


@pytest.mark.slow
@pytest.mark.parametrize(
  'args',
  [
    ('v5e:2x2',),
    ('v5p:2x2x1',),
    # Several hosts, and rings that do not go host by host.
    ('v5e:4x4', '--strategy', 'pmap'),
  ],
)
def test_the_compiler_for_tpus_runs_without_one(args, tmp_path):
  pytest.importorskip('libtpu')
  found, said = run(tmp_path / 'w', '--plan', *args)
  assert found['fits'] is True
  assert found['flops_per_chip'] == found['model_flops_per_chip']
  assert found['estimated_cycles'] > 0
  assert 0 < found['mfu'] < 1
  # bfloat16 where it is sent; the host's own default would be float32.
  assert found['collectives']['all-reduce']['count'] >= 1
  assert 'estimated time' in said
