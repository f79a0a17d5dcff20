"""A run that starts from something else than another run."""

import dataclasses
from pathlib import Path

import jax
import mean_config
import numpy as np
import pytest

from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import Checkpointing, Config, WarmStart, load_config
from mmjax.train.saved import read_variables
from mmjax.train.start import Start, plan_start
from mmjax.train.state import TrainState
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True)
class Ones:
  """Has ones for what its prefix begins."""

  prefix: str

  def __str__(self):
    return 'a bag of ones'

  def choose(self, params):
    return {n: f'there/{n}' for n in params if n.startswith(self.prefix)}

  def read(self, params):
    return {
      name: jax.device_put(np.ones(x.shape, x.dtype), x.sharding)
      for name, x in params.items()
    }


@pytest.fixture
def state():
  mesh = jax.make_mesh(
    (8,), ('data',), axis_types=(jax.sharding.AxisType.Auto,)
  )
  place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
  params = {
    'encoder': {'kernel': np.zeros((2, 3), np.float32)},
    'head': {'bias': np.zeros(4, np.float32)},
  }
  stats = {'batch_stats': {'encoder': {'mean': np.zeros(3, np.float32)}}}
  ema = jax.tree.map(lambda x: x + 5, params)
  step = jax.numpy.zeros((), jax.numpy.int32)
  return jax.device_put(TrainState(step, params, (), ema, stats), place)


def test_what_it_has_is_put_there_and_the_rest_is_fresh(
  state, tmp_path, capsys
):
  plan = plan_start(Ones('encoder'), state, tmp_path)
  assert plan is not None
  got = plan.load(state)
  for tree in (got.params, got.ema):
    np.testing.assert_array_equal(tree['encoder']['kernel'], 1)
  assert got.params['encoder']['kernel'] is not got.ema['encoder']['kernel']
  assert not got.params['head']['bias'].any()
  assert not got.collections['batch_stats']['encoder']['mean'].any()
  plan = plan_start(Ones('batch_stats/'), state, tmp_path)
  assert plan is not None
  got = plan.load(state)
  np.testing.assert_array_equal(
    got.collections['batch_stats']['encoder']['mean'], 1
  )
  assert not got.params['encoder']['kernel'].any()
  said = ' '.join(capsys.readouterr().err.split())
  assert said.startswith(
    'warm start from a bag of ones loaded 1 arrays, 6 parameters: encoder '
    'fresh: batch_stats, head warm start'
  )


def test_a_run_that_goes_on_reads_nothing(state, tmp_path):
  assert plan_start(None, state, tmp_path) is None
  with Checkpoints(tmp_path / 'checkpoints', Checkpointing()) as checkpoints:
    checkpoints.save(state, step=3, meta={}, numbers={})
  assert plan_start(Ones('no such thing'), state, tmp_path) is None

  # Outside of a run the same is NumPy.
  found = read_variables(tmp_path)
  assert isinstance(found['params']['head']['bias'], np.ndarray)
  want = {'params': state.params, **state.collections}
  jax.tree.map(np.testing.assert_array_equal, found, want)
  averaged = read_variables(str(tmp_path), step=3, use_ema=True)
  np.testing.assert_array_equal(averaged['params']['head']['bias'], 5)
  with pytest.raises(InputError, match=r'^step 4 is not in .*, which has \[3'):
    read_variables(tmp_path, step=4)
  with pytest.raises(InputError, match='^workdir: no checkpoints in '):
    read_variables(tmp_path / 'nowhere')


def test_without_a_moving_average_there_is_none_to_read(state, tmp_path):
  with Checkpoints(tmp_path / 'checkpoints', Checkpointing()) as checkpoints:
    plain = state._replace(ema=None, collections={})
    checkpoints.save(plain, step=1, meta={}, numbers={})
  assert set(read_variables(tmp_path)) == {'params'}
  with pytest.raises(InputError, match='use_ema: .* has no moving average'):
    read_variables(tmp_path, use_ema=True)


def test_what_has_nothing_of_the_model_is_refused(state, tmp_path):
  with pytest.raises(InputError, match='nothing of this model is in a bag of'):
    plan_start(Ones('decoder'), state, tmp_path)


def test_there_is_one_start():
  assert isinstance(Ones(''), Start)
  fields = vars(mean_config.get_config())
  both = {'start': Ones(''), 'warm_start': WarmStart(workdir=Path('other'))}
  with pytest.raises(
    ValueError, match='workdir other and start are both given'
  ):
    Config(**fields | both)


def test_a_config_is_given_what_stands_behind_the_colon(tmp_path):
  file = tmp_path / 'c.py'
  file.write_text(
    'import dataclasses, mean_config\n'
    'def get_config(seed: str):\n'
    "  seed = int(seed.split(':')[1])\n"
    '  return dataclasses.replace(mean_config.get_config(), seed=seed)\n'
  )
  path = tmp_path / 'c.py:a:7'
  assert load_config(path, ['--steps=3']).seed == 7
  with pytest.raises(
    InputError,
    match=r'c.py: get_config\(seed: str\) is given what stands behind the '
    r"colon of .*c.py:ARGUMENT: missing a required argument: 'seed'$",
  ):
    load_config(file)
  path = Path(mean_config.__file__ + ':7')
  with pytest.raises(InputError, match='ARGUMENT: too many positional'):
    load_config(path)
