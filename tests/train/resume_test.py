"""A run that is killed and started again ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import load_config
from mmjax.train.loop import evaluate_last, train
from mmjax.train.program import make_program
from mmjax.types import InputError
from tests import flags

CONFIG = Path(__file__).with_name('tiny.py')
ROOT = Path(__file__).parents[2]
MEASURED = ('_seconds', '_p95', '_per_second', '_gib')


@pytest.fixture(scope='module')
def start(tmp_path_factory):
  """Starts `train.py` on the tiny config; programs are compiled only once."""
  environment = {
    **os.environ,
    'JAX_PLATFORMS': 'cpu',
    'JAX_COMPILATION_CACHE_DIR': str(tmp_path_factory.mktemp('compiled')),
    'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
    'XLA_FLAGS': flags.FAST,
  }

  def start(workdir, *options):
    return subprocess.Popen(
      [
        sys.executable,
        str(ROOT / 'train.py'),
        *('--config', str(CONFIG), '--workdir', str(workdir)),
        *options,
      ],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      env=environment,
      cwd=ROOT,
    )

  return start


@pytest.fixture(scope='module')
def whole(start, tmp_path_factory):
  """The workdir of a run that nothing disturbed, and its last line."""
  workdir = tmp_path_factory.mktemp('runs') / 'whole'
  return workdir, _last_line(start(workdir))


def _wait(process, until):
  """Polls until something has happened; the process must still be running."""
  for _ in range(60_000):
    if until() or process.poll() is not None:
      break
    time.sleep(0.005)
  assert process.poll() is None, process.communicate()[1]


def _last_line(process):
  out, err = process.communicate(timeout=300)
  assert process.returncode == 0, err
  return json.loads(out.splitlines()[-1])


def _lines(workdir):
  text = (workdir / 'metrics.jsonl').read_text()
  lines = [json.loads(line) for line in text.splitlines()]
  # Neither time nor memory is the same twice.
  return [
    {name: n for name, n in line.items() if not name.endswith(MEASURED)}
    for line in lines
  ]


def _state(workdir, step):
  # One device, as the runs had.
  with Checkpoints(workdir / 'checkpoints') as checkpoints:
    state = checkpoints.restore(step, _one_device_state())
  return jax.tree.map(np.asarray, state)


def _one_device_state():
  one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  state = make_program(load_config(CONFIG)).state
  return jax.tree.map(
    lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=one), state
  )


@pytest.mark.slow
def test_stopped_killed_and_started_again_it_ends_bit_for_bit_the_same(
  start, whole, tmp_path
):
  undisturbed, want = whole
  workdir = tmp_path / 'run'

  process = start(workdir)
  _wait(process, lambda: _logged(workdir))
  process.send_signal(signal.SIGTERM)
  since = time.monotonic()
  out, err = process.communicate(timeout=300)
  assert (process.returncode, out) == (0, ''), err
  assert time.monotonic() - since < 30
  assert 'the same command goes on from there' in err
  assert 'Traceback' not in err

  process = start(workdir)
  _wait(process, (workdir / 'checkpoints' / '16').is_dir)
  process.send_signal(signal.SIGKILL)
  process.communicate()
  assert not (workdir / 'checkpoints' / '40').exists()
  newest = _flip_a_bit_of_the_newest(workdir / 'checkpoints')

  process = start(workdir)
  assert _last_line(process) == want
  assert (workdir / 'checkpoints' / f'{newest}.corrupt').is_dir()
  jax.tree.map(
    np.testing.assert_array_equal,
    _state(workdir, 40),
    _state(undisturbed, 40),
  )
  # No step is logged twice, none is lost, and each says the same.
  assert _lines(workdir) == _lines(undisturbed)


def _flip_a_bit_of_the_newest(folder):
  steps = [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
  assert len(steps) > 1
  newest = folder / str(max(steps))
  files = [path for path in newest.rglob('*') if path.is_file()]
  path = max(files, key=lambda path: path.stat().st_size)
  data = bytearray(path.read_bytes())
  data[len(data) // 2] ^= 1
  path.write_bytes(data)
  return newest.name


def _logged(workdir):
  path = workdir / 'metrics.jsonl'
  return path.exists() and path.read_text().count('\n') > 0


def test_evaluate_scores_the_last_checkpoint_without_training(start, whole):
  workdir, want = whole
  before = sorted((workdir / 'checkpoints').iterdir())
  table = workdir / 'report' / 'robustness.json'
  assert not table.exists()
  found = _last_line(start(workdir, '--evaluate'))
  # And what only `--evaluate` measures.
  assert {k: v for k, v in found.items() if k in want} == want
  noise = json.loads(table.read_text())['noise']['image']
  assert noise['accuracy'][0] == want['eval/fused/accuracy']
  assert noise['relative'] == found['eval/robustness/noise/image/relative']
  assert sorted((workdir / 'checkpoints').iterdir()) == before


def test_the_run_leaves_what_it_promises(whole):
  workdir, results = whole
  assert results['step'] == 40
  for name in ('config.json', 'config.py', 'argv.json', 'report/index.html'):
    assert (workdir / name).is_file(), name
  assert list((workdir / 'tensorboard').glob('events*'))
  # The newest two stay, and the best on the validation split.
  accuracies = {
    line['step']: line['fused/accuracy']
    for line in _lines(workdir)
    if line['split'] == 'val'
  }
  assert sorted(accuracies) == [8, 16, 24, 32, 40]
  best = max(accuracies.values())
  kept = {int(path.name) for path in (workdir / 'checkpoints').iterdir()}
  assert {32, 40} <= kept
  assert len(kept) <= 3
  assert any(accuracies[step] == best for step in kept)


def test_another_model_in_the_same_workdir_is_refused(whole):
  workdir, _ = whole
  other = load_config(CONFIG, ['--model.encoders.image.width', '32'])
  match = r'another model: model.encoders.image.width: 16 -> 32'
  with pytest.raises(InputError, match=match):
    train(other, workdir, source=CONFIG)


def test_evaluate_wants_a_checkpoint(tmp_path):
  with pytest.raises(InputError, match=f'no checkpoints in {tmp_path}'):
    evaluate_last(load_config(CONFIG), tmp_path)
