"""What the loop does with signals, NaN and a full disk.

A real program takes seconds to compile; this one learns the mean of the labels.
"""

import json
import os
import resource
import shutil
import signal
import time
from pathlib import Path

import jax.numpy as jnp
import mean_config
import mean_program
import numpy as np
import pytest

from mmjax.data import pipeline
from mmjax.data.datasets.digits import Digits
from mmjax.main import main
from mmjax.metrics import Evaluation
from mmjax.train import loop
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import Config
from mmjax.train.errors import RunError, Stopped
from mmjax.train.state import TrainState
from mmjax.types import InputError

CONFIG = mean_config.get_config()
# Step 9 of seed 0 sees this example, no other step below 20 does.
BAD_STEP = 9


@pytest.fixture(scope='module')
def rows():
  """The rows that each step sees."""
  with pipeline.train_batches(Digits(), batch_size=8, seed=0) as batches:
    return [next(batches)['index'].tolist() for _ in range(20)]


@pytest.fixture
def run(tmp_path, monkeypatch, rows):
  """Trains; `poison` makes step 9 not finite, `at` does something at a step."""

  def run(poison=False, at=None, size=4, **options):
    def before(step):
      if at is not None and step == at[0]:
        at[1]()

    bad = rows[BAD_STEP - 1][3] if poison else -1
    program = mean_program.make(size=size, bad=bad, before=before)
    monkeypatch.setattr(loop, 'make_program', lambda config: program)
    source = tmp_path / 'config.py'
    source.write_text('# nothing\n')
    config = Config(**vars(CONFIG) | options)
    return loop.train(config, tmp_path / 'run', source=source)

  return run


def _lines(workdir, split='train'):
  text = (workdir / 'metrics.jsonl').read_text()
  lines = [json.loads(line) for line in text.splitlines()]
  return [line for line in lines if line['split'] == split]


def _saved(workdir, step, folder='checkpoints'):
  with Checkpoints(workdir / folder) as checkpoints:
    like = TrainState(jnp.zeros((), jnp.int32), jnp.zeros(4), (), None, {})
    return checkpoints.restore(step, like), checkpoints.meta(step)


def _steps(workdir):
  return sorted(int(path.name) for path in (workdir / 'checkpoints').iterdir())


def test_a_step_that_is_not_finite_stops_the_run_and_is_described(
  run, rows, tmp_path, capsys
):
  match = (
    rf'step 9 was not finite \(loss; rows {rows[8][0]}, .*nonfinite.json'
    r'.*--on-nonfinite skip'
  )
  for _ in range(2):  # It is met again, from the last checkpoint.
    with pytest.raises(RunError, match=match) as caught:
      run(poison=True)
    assert '\n' not in str(caught.value)
    assert _steps(tmp_path / 'run') == [6]
  said = json.loads((tmp_path / 'run' / 'nonfinite.json').read_text())
  assert said == {
    'step': 9,
    'index': rows[8],
    'numbers': {'loss': 'nan'},
    'state': 'nonfinite/10',
  }
  state, _ = _saved(tmp_path / 'run', 10, 'nonfinite')
  assert np.isfinite(state.params).all()
  # Noticed late: the next step had been started, and no other.
  assert [line['step'] for line in _lines(tmp_path / 'run')] == [*range(1, 9)]


def test_what_was_trained_is_kept_when_an_evaluator_fails(run, tmp_path):
  def broken(predict, batches, classes):
    raise InputError('there is nothing to score')

  with pytest.raises(InputError, match='nothing to score'):
    run(evaluators={'broken': broken})
  assert _steps(tmp_path / 'run') == [6]
  # Mended, it goes on from there.
  run()
  assert _steps(tmp_path / 'run')[-1] == 20
  assert [line['step'] for line in _lines(tmp_path / 'run')] == [*range(1, 21)]


def test_or_it_is_skipped_and_counted_also_over_a_restart(run, rows, tmp_path):
  ended = os.getpid(), signal.SIGTERM
  with pytest.raises(Stopped):
    run(poison=True, on_nonfinite='skip', at=(14, lambda: os.kill(*ended)))
  run(poison=True, on_nonfinite='skip')
  lines = _lines(tmp_path / 'run')
  assert [line['step'] for line in lines] == [*range(1, 21)]
  assert [line['nonfinite_steps'] for line in lines] == [0] * 8 + [1] * 12
  assert [line['step'] for line in lines if line['loss'] is None] == [9]
  assert not (tmp_path / 'run' / 'nonfinite.json').exists()
  state, meta = _saved(tmp_path / 'run', 20)
  assert meta['nonfinite_steps'] == 1
  # What it learned is what the other nineteen steps say.
  labels = {
    int(row['row']): int(row['label']) for row in Digits().source('train')
  }
  source = [int(row['row']) for row in Digits().source('train')]
  want = 0.0
  for number, step in enumerate(rows, 1):
    if number != 9:
      mean = np.mean([labels[source[row]] for row in step])
      want -= 0.1 * (want - mean)
  np.testing.assert_allclose(state.params, np.full(4, want), rtol=1e-5)


@pytest.mark.parametrize(
  ('number', 'code'), [(signal.SIGTERM, 0), (signal.SIGINT, 130)]
)
def test_a_signal_saves_after_the_step_and_the_next_start_goes_on(
  run, tmp_path, capsys, number, code
):
  both = signal.SIGTERM, signal.SIGINT
  old = [*map(signal.getsignal, both)]
  with pytest.raises(Stopped) as caught:
    run(at=(9, lambda: os.kill(os.getpid(), number)))
  assert caught.value.code == code
  assert [*map(signal.getsignal, both)] == old
  said = capsys.readouterr().err
  assert 'stopped at step 9; the same command goes on from there' in said
  assert _steps(tmp_path / 'run') == [6, 9]
  assert run()['step'] == 20
  assert 'step 9 of 20' in capsys.readouterr().err
  assert [line['step'] for line in _lines(tmp_path / 'run')] == [*range(1, 21)]


def test_a_signal_during_validation_leaves_it_and_saves(
  run, tmp_path, monkeypatch
):
  def evaluate(*_, each):
    each()
    os.kill(os.getpid(), signal.SIGTERM)
    each()
    raise AssertionError('went on')

  monkeypatch.setattr('mmjax.train.run.evaluate', evaluate)
  with pytest.raises(Stopped):
    run()
  # Step 6 saved without numbers; the loop notices at the step after.
  assert _steps(tmp_path / 'run') == [6, 7]
  assert _lines(tmp_path / 'run', 'val') == []


def test_a_second_ctrl_c_does_not_wait(run, tmp_path):
  def twice():
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)

  with pytest.raises(KeyboardInterrupt) as caught:
    run(at=(9, twice))
  assert not isinstance(caught.value, Stopped)
  assert _steps(tmp_path / 'run') == [6]


# Orbax leaves futures behind when a write fails.
@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
def test_a_full_disk_ends_the_run_and_the_older_checkpoints_are_whole(
  run, tmp_path, capfd
):
  # No file may grow larger: the system refuses as it does on a full disk.
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  size = 100_000

  def limit():
    for _ in range(1000):
      if (tmp_path / 'run' / 'checkpoints' / '6').exists():
        break
      time.sleep(0.01)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))

  try:
    with pytest.raises(RunError, match=r'checkpoint 12 could not.* bytes free'):
      run(size=size, at=(8, limit))
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  assert (tmp_path / 'run' / 'checkpoints' / '6').is_dir()
  assert 'Traceback' not in capfd.readouterr().err
  with Checkpoints(tmp_path / 'run' / 'checkpoints') as checkpoints:
    assert checkpoints.latest() == 6
  assert run(size=size)['step'] == 20


def test_a_trace_can_be_opened_by_tensorboard_and_perfetto(run, tmp_path):
  run(profile=3)
  folder = tmp_path / 'run' / 'tensorboard' / 'plugins' / 'profile'
  (trace,) = folder.glob('*/*.xplane.pb')
  assert trace.stat().st_size > 1000
  (perfetto,) = folder.glob('*/perfetto_trace.json.gz')
  names = _names(perfetto)
  assert {'train'} <= names


def _names(path):
  import gzip

  events = json.loads(gzip.decompress(path.read_bytes()))['traceEvents']
  return {event.get('name') for event in events}


@pytest.mark.parametrize(
  ('error', 'code', 'said'),
  [
    (RunError('the disk is full'), 1, 'error: the disk is full\n'),
    (Stopped(0), 0, ''),
    (Stopped(130), 130, ''),
    (KeyboardInterrupt(), 130, 'interrupted\n'),
  ],
)
def test_how_a_run_ends_is_its_exit_code(
  monkeypatch, tmp_path, capsys, error, code, said
):
  def train(*_, **__):
    raise error

  monkeypatch.setattr('mmjax.main.train', train)
  monkeypatch.setattr('mmjax.main.keep_compiled', lambda: None)
  monkeypatch.setattr('mmjax.main.hush_failed_saves', lambda: None)
  config = Path(__file__).with_name('tiny.py')
  assert main(['--config', str(config), '--workdir', str(tmp_path)]) == code
  assert capsys.readouterr().err == said


def test_every_process_draws_and_only_the_first_one_writes(
  run, tmp_path, monkeypatch
):
  # A figure may gather rows that several processes hold.
  run(steps=2)
  report = tmp_path / 'run' / 'report'
  shutil.rmtree(report)
  drawn = []
  found = Evaluation({}, {'gallery': drawn.append})
  monkeypatch.setattr(loop, 'evaluate', lambda *_, **__: found)
  monkeypatch.setattr(loop.processes, 'is_first', lambda: False)
  loop.evaluate_last(CONFIG, tmp_path / 'run')
  assert [path.name for path in drawn] == ['gallery.png']
  assert not report.exists()
