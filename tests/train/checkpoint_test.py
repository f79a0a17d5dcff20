"""What Checkpoints does with damage: no model, only a few arrays."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.train import checkpoint
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.checksums import NAME
from mmjax.train.config import Checkpointing
from mmjax.train.errors import RunError
from mmjax.train.state import TrainState
from mmjax.types import InputError

OPTIONS = Checkpointing(keep=3, best=None)


def _state(step):
  params = {'w': jnp.arange(3000.0) + step, 'b': jnp.full(7, step, jnp.float32)}
  return TrainState(jnp.asarray(step), params, {'m': jnp.ones(5)}, None, {})


def _save(folder, *steps, options=OPTIONS):
  with Checkpoints(folder, options) as checkpoints:
    for step in steps:
      checkpoints.save(_state(step), step=step, meta={'step': step}, numbers={})


@pytest.fixture
def folder(tmp_path):
  """Checkpoints of three steps."""
  _save(tmp_path / 'checkpoints', 8, 16, 24)
  return tmp_path / 'checkpoints'


def _array_file(folder):
  """The file with the parameters' numbers: the largest."""
  files = [path for path in folder.rglob('*') if path.is_file()]
  return max(files, key=lambda path: path.stat().st_size)


def _flip(path, at=0.5, bit=2):
  data = bytearray(path.read_bytes())
  data[int(len(data) * at)] ^= 1 << bit
  path.write_bytes(data)


def _restored(folder, options=OPTIONS):
  with Checkpoints(folder, options) as checkpoints:
    step = checkpoints.latest()
    restored = checkpoints.restore(step, _state(0))
    jax.tree.map(np.testing.assert_array_equal, restored, _state(step))
    assert checkpoints.meta(step) == {'schema': 1, 'step': step}
  return step


def test_a_whole_checkpoint_is_used_and_nothing_said(folder, capsys):
  assert _restored(folder) == 24
  assert capsys.readouterr().err == ''


def test_a_flipped_bit_sends_back_to_the_one_before(folder, capsys):
  _flip(_array_file(folder / '24'))
  assert _restored(folder) == 16
  said = capsys.readouterr().err
  assert f'warning: checkpoint {folder / "24"} is damaged: state/' in said
  assert 'differs from its checksum; it is now 24.corrupt; using 16' in said
  assert sorted(os.listdir(folder)) == ['16', '24.corrupt', '8']
  # The step can be saved again, which Orbax would silently not do.
  _save(folder, 24)
  assert _restored(folder) == 24
  _flip(_array_file(folder / '24'))
  assert _restored(folder) == 16
  assert (folder / '24.corrupt-2').is_dir()


@pytest.mark.parametrize('damage', ['cut', 'gone', 'unlisted'])
def test_half_of_a_checkpoint_is_not_used(folder, damage):
  newest = folder / '24'
  if damage == 'cut':
    path = _array_file(newest)
    path.write_bytes(path.read_bytes()[:100])
  elif damage == 'gone':
    _array_file(newest).unlink()
  else:
    (newest / NAME).unlink()
  assert _restored(folder) == 16


def test_times_that_orbax_notes_are_not_needed(folder):
  (folder / '24' / '_CHECKPOINT_METADATA').write_text('{"a":')
  (folder / '24' / 'commit_success.txt').unlink()
  assert _restored(folder) == 24


def test_damaged_metrics_of_an_older_one_do_not_stop_the_run(tmp_path):
  folder, options = tmp_path / 'c', Checkpointing(keep=3, best='accuracy')
  _save(folder, 8, 16, options=options)
  (folder / '8' / 'metrics' / 'metrics').write_text('{"accuracy":')
  assert _restored(folder, None) == 16
  assert _restored(folder, options) == 16
  assert (folder / '8.corrupt').is_dir()


def test_reading_alone_moves_nothing(folder, capsys):
  _flip(_array_file(folder / '24'))
  before = sorted(os.listdir(folder))
  assert _restored(folder, None) == 16
  assert 'is damaged' in capsys.readouterr().err
  assert sorted(os.listdir(folder)) == before


def test_a_save_that_was_killed_is_told_and_removed(folder, capsys):
  (folder / '32.orbax-checkpoint-tmp' / 'state').mkdir(parents=True)
  _save(folder, 32)
  assert 'warning: checkpoint 32 was not finished' in capsys.readouterr().err
  assert sorted(os.listdir(folder)) == ['16', '24', '32']


def test_where_none_is_whole_there_is_no_silent_new_start(folder):
  for step in (8, 16, 24):
    _flip(_array_file(folder / str(step)))
  match = r'every checkpoint in .* is damaged \(24: state/.* 16: .* 8: '
  for _ in range(2):
    with pytest.raises(InputError, match=match):
      Checkpoints(folder, OPTIONS)
  assert sorted(os.listdir(folder)) == ['16', '24', '8']


def test_another_schema_is_refused(folder, monkeypatch):
  monkeypatch.setattr(checkpoint, 'SCHEMA', 2)
  with (
    Checkpoints(folder, OPTIONS) as checkpoints,
    pytest.raises(InputError, match=r'24 has schema 1, this mmjax reads 2'),
  ):
    checkpoints.restore(24, _state(0))


def test_another_state_is_refused_by_one_line(folder):
  other = _state(0)._replace(opt_state={'m': jnp.ones(5), 'n': jnp.ones(2)})
  with (
    Checkpoints(folder, OPTIONS) as checkpoints,
    pytest.raises(InputError, match=r'24 does not fit this config') as caught,
  ):
    checkpoints.restore(24, other)
  assert '\n' not in str(caught.value)


def test_a_failed_save_is_told_and_the_older_ones_are_whole(
  folder, monkeypatch
):
  def fail(folder):
    raise OSError(28, 'No space left on device', str(folder))

  with monkeypatch.context() as patch:
    patch.setattr(checkpoint, 'write_checksums', fail)
    match = r'checkpoint 32 could not be saved in .* bytes free.*No space left'
    with (
      pytest.raises(RunError, match=match),
      Checkpoints(folder, OPTIONS) as checkpoints,
    ):
      checkpoints.save(_state(32), step=32, meta={}, numbers={})
      # The training loop asks after each step.
      for _ in range(1_000_000):
        checkpoints.check()
  assert not (folder / '32').exists()
  assert _restored(folder) == 24


def test_a_step_older_than_what_is_there_is_not_silently_left_out(folder):
  with (
    Checkpoints(folder, OPTIONS) as checkpoints,
    pytest.raises(RunError, match=r'has a checkpoint newer than 20'),
  ):
    checkpoints.save(_state(20), step=20, meta={}, numbers={})
