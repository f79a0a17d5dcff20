"""A new run with some parts new starts from what another one has learned."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.train import AdamW, Groups
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import Checkpointing, WarmStart, load_config
from mmjax.train.loop import train
from mmjax.train.program import make_program
from mmjax.train.state import TrainState
from mmjax.train.warm_start import plan_warm_start
from mmjax.types import InputError


def _params(classes, *, tower='text'):
  return {
    f'encoders_{tower}': {
      'embed': {'table': np.full((4, 6), 1.0, np.float32)},
      'norm': {'scale': np.full(6, 2.0, np.float32)},
    },
    'fusion': {'token': np.full((1, 6), 3.0, np.float32)},
    'heads_label': {
      'kernel': np.full((6, classes), 4.0, np.float32),
      'bias': np.full(classes, 5.0, np.float32),
    },
  }


def _state(params, *, ema=None):
  params = jax.tree.map(jnp.asarray, params)
  # Frozen leaves leave holes in the optimiser's state.
  tx = AdamW(groups=Groups(frozen=('fusion',))).build(10)
  step = jnp.zeros((), jnp.int32)
  return TrainState(step, params, tx.init(params), ema, {})


def _fresh(classes=3, **more):
  """A state of zeros, sharded as a new run would have it."""
  mesh = jax.make_mesh(
    (8,), ('data',), axis_types=(jax.sharding.AxisType.Auto,)
  )
  whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
  zeros = jax.tree.map(np.zeros_like, _params(classes, **more))
  return jax.device_put(_state(zeros), whole)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """The workdir of a run that is done: two checkpoints, and an average."""
  workdir = tmp_path_factory.mktemp('done')
  state = _state(_params(10))
  ema = jax.tree.map(lambda x: x + 100, state.params)
  with Checkpoints(workdir / 'checkpoints', Checkpointing()) as checkpoints:
    for step in (4, 8):
      now = state._replace(
        params=jax.tree.map(lambda x, s=step: x + s / 10, state.params),
        ema=ema if step == 8 else None,
      )
      checkpoints.save(now, step=step, meta={}, numbers={})
  return workdir


def _start(run, state, tmp_path, **options):
  options = WarmStart(workdir=run, **options)
  plan = plan_warm_start(options, state.params, tmp_path)
  assert plan is not None
  return plan.load(state)


def test_what_fits_is_loaded_and_the_rest_named(run, tmp_path, capsys):
  state = _fresh()
  got = _start(run, state, tmp_path)
  text = got.params['encoders_text']
  np.testing.assert_array_equal(text['embed']['table'], np.float32(1.8))
  np.testing.assert_array_equal(text['norm']['scale'], np.float32(2.8))
  np.testing.assert_array_equal(got.params['fusion']['token'], np.float32(3.8))
  assert not got.params['heads_label']['kernel'].any()
  # Born where the new run has its parameters, and nothing else has changed.
  for new, old in zip(
    jax.tree.leaves(got.params), jax.tree.leaves(state.params), strict=True
  ):
    assert new.sharding == old.sharding
  assert got.opt_state is state.opt_state
  assert got.step == 0

  assert ' '.join(capsys.readouterr().err.split()) == (
    f'warm start from {run}/checkpoints/8 '
    'loaded 3 arrays, 36 parameters: encoders_text, fusion '
    'skipped heads_label/bias: [10] there, [3] here '
    'skipped heads_label/kernel: [6, 10] there, [6, 3] here'
  )


def test_patterns_say_what_to_take_and_what_not(run, tmp_path, capsys):
  got = _start(
    run,
    _fresh(classes=10),
    tmp_path,
    step=4,
    take=('^encoders_', '^heads_'),
    skip=('bias$',),
  )
  np.testing.assert_array_equal(
    got.params['heads_label']['kernel'], np.float32(4.4)
  )
  assert not got.params['heads_label']['bias'].any()
  assert not got.params['fusion']['token'].any()
  said = ' '.join(capsys.readouterr().err.split())
  assert 'checkpoints/4' in said
  assert 'skipped as told: fusion, heads_label/bias' in said


def test_parts_can_have_another_name(run, tmp_path, capsys):
  state = _fresh(tower='words')
  got = _start(run, state, tmp_path, skip=('heads',))
  assert not got.params['encoders_words']['norm']['scale'].any()
  said = ' '.join(capsys.readouterr().err.split())
  assert 'fresh: encoders_words' in said
  assert 'there but not used: encoders_text' in said
  rename = {r'^encoders_text/': 'encoders_words/'}
  got = _start(run, state, tmp_path, skip=('heads',), rename=rename)
  np.testing.assert_array_equal(
    got.params['encoders_words']['norm']['scale'], np.float32(2.8)
  )


def test_the_moving_average_can_be_loaded_and_starts_there(run, tmp_path):
  state = _fresh()
  state = state._replace(ema=jax.tree.map(jnp.copy, state.params))
  got = _start(run, state, tmp_path, use_ema=True)
  for tree in (got.params, got.ema):
    np.testing.assert_array_equal(tree['fusion']['token'], 103.0)
    assert not tree['heads_label']['bias'].any()
  # The step gives the memory of both away.
  assert got.params['fusion']['token'] is not got.ema['fusion']['token']
  with pytest.raises(InputError, match=r'use_ema: .*/4/state has no moving av'):
    _start(run, state, tmp_path, use_ema=True, step=4)


def test_a_run_that_goes_on_is_not_started_again(run, tmp_path):
  params = _fresh().params
  options = WarmStart(workdir=tmp_path / 'deleted since')
  assert plan_warm_start(options, params, run) is None
  assert plan_warm_start(WarmStart(), params, tmp_path) is None


@pytest.mark.parametrize(
  ('options', 'match'),
  [
    ({'step': 5}, r'warm_start.step 5 is not in .*, which has \[4, 8\]'),
    (
      {'take': ('heads_lable',)},
      r"warm_start.take 'heads_lable' matches no parameter; near .*heads_label",
    ),
    ({'skip': ('nothing',)}, "warm_start.skip 'nothing' matches no parameter"),
    ({'rename': {'txt': 'a'}}, "warm_start.rename 'txt' matches no parameter"),
    (
      {'take': ('heads',)},
      r'nothing to load from .*/8; heads_label/bias is \[10\] there, \[3\] h',
    ),
    (
      {'rename': {'^.*/(bias|scale)$': 'same'}},
      "rename makes 'same' of both 'encoders_text/norm/scale' and 'heads_label",
    ),
  ],
)
def test_what_cannot_be_is_said_in_one_line(run, tmp_path, options, match):
  with pytest.raises(InputError, match=match) as error:
    _start(run, _fresh(), tmp_path, **options)
  assert '\n' not in str(error.value)


def test_a_folder_without_checkpoints_is_named(tmp_path):
  with pytest.raises(InputError, match=f'no checkpoints in {tmp_path}'):
    _start(tmp_path, _fresh(), tmp_path / 'new')


@pytest.mark.slow
def test_training_starts_there(tmp_path, capsys):
  source = Path(__file__).with_name('tiny.py')
  one, two = tmp_path / 'one', tmp_path / 'two'
  # Without blocks there is little to compile.
  small = [f'--model.encoders.{tower}.depth=0' for tower in ('image', 'text')]
  first = make_program(load_config(source, small)).init()
  with Checkpoints(one / 'checkpoints', Checkpointing()) as checkpoints:
    checkpoints.save(first, step=7, meta={}, numbers={})
  # Another seed and fusion; and the rate of the first step is zero.
  options = ['--model.fusion.width=8', '--steps=1', '--seed=1', *small]
  config = load_config(source, [*options, f'--warm-start.workdir={one}'])
  train(config, two, source=source)
  said = ' '.join(capsys.readouterr().err.split())
  assert 'encoders_image, encoders_text' in said
  assert 'skipped fusion/image_projection/kernel: [16, 16] there' in said
  with Checkpoints(two / 'checkpoints') as checkpoints:
    start = checkpoints.restore(1, make_program(config).state)
  for tower in ('encoders_image', 'encoders_text'):
    jax.tree.map(
      np.testing.assert_array_equal, start.params[tower], first.params[tower]
    )
