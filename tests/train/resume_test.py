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

CONFIG = Path(__file__).with_name('tiny.py')
ROOT = Path(__file__).parents[2]


def _start(workdir, *options):
  environment = {**os.environ, 'JAX_PLATFORMS': 'cpu'}
  environment.pop('XLA_FLAGS', None)
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


def _last_line(process):
  out, err = process.communicate(timeout=300)
  assert process.returncode == 0, err
  return json.loads(out.splitlines()[-1])


def _lines(workdir):
  text = (workdir / 'metrics.jsonl').read_text()
  lines = [json.loads(line) for line in text.splitlines()]
  for line in lines:
    line.pop('examples_per_second', None)
  return lines


def _params(workdir, step):
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


def test_killed_and_started_again_it_ends_bit_for_bit_the_same(tmp_path):
  whole, killed = tmp_path / 'whole', tmp_path / 'killed'
  want = _last_line(_start(whole))
  process = _start(killed)
  # SIGKILL as soon as the first checkpoint is complete, mid-run.
  for _ in range(3000):
    if (killed / 'checkpoints' / '8').is_dir() or process.poll() is not None:
      break
    time.sleep(0.02)
  process.send_signal(signal.SIGKILL)
  process.communicate()
  assert process.returncode == -signal.SIGKILL
  assert not (killed / 'checkpoints' / '24').exists()
  got = _last_line(_start(killed))
  assert got == want
  jax.tree.map(
    np.testing.assert_array_equal, _params(killed, 24), _params(whole, 24)
  )
  # No step is logged twice, none is lost, and each says the same.
  assert _lines(killed) == _lines(whole)


def test_interrupt_saves_and_the_next_start_goes_on(tmp_path):
  workdir = tmp_path / 'run'
  process = _start(workdir, '--steps', '100000')
  for _ in range(3000):
    if _logged(workdir) or process.poll() is not None:
      break
    time.sleep(0.05)
  process.send_signal(signal.SIGINT)
  _, err = process.communicate(timeout=120)
  assert process.returncode == 130, err
  assert 'the same command goes on from there' in err
  assert 'Traceback' not in err
  last = _lines(workdir)[-1]['step']
  with Checkpoints(workdir / 'checkpoints') as checkpoints:
    assert checkpoints.latest() >= last


def _logged(workdir):
  path = workdir / 'metrics.jsonl'
  return path.exists() and len(path.read_text().splitlines()) >= 2


def test_evaluate_scores_the_last_checkpoint_without_training(tmp_path):
  config = load_config(CONFIG)
  trained = train(config, tmp_path, source=CONFIG, argv=['x'])
  before = sorted((tmp_path / 'checkpoints').iterdir())
  assert evaluate_last(config, tmp_path) == trained
  assert sorted((tmp_path / 'checkpoints').iterdir()) == before
  assert trained['eval/fused/accuracy'] > trained['eval/image/accuracy'] - 0.1
  assert trained['step'] == 24
  for name in ('config.json', 'config.py', 'argv.json', 'report/index.html'):
    assert (tmp_path / name).is_file(), name
  # The newest two and the best of three are kept.
  with Checkpoints(tmp_path / 'checkpoints') as checkpoints:
    assert checkpoints.latest() == 24
  steps = {int(p.name) for p in (tmp_path / 'checkpoints').iterdir()}
  accuracies = {
    line['step']: line['fused/accuracy']
    for line in _lines(tmp_path)
    if line['split'] == 'val'
  }
  best = max(accuracies, key=lambda step: (accuracies[step], step))
  assert {16, 24, best} <= steps | {best}
  assert {16, 24} <= steps


def test_another_model_in_the_same_workdir_is_refused(tmp_path):
  train(load_config(CONFIG, ['--steps', '1']), tmp_path, source=CONFIG)
  other = load_config(CONFIG, ['--model.encoders.image.width', '32'])
  match = r'another model: model.encoders.image.width: 16 -> 32'
  with pytest.raises(InputError, match=match):
    train(other, tmp_path, source=CONFIG)


def test_evaluate_wants_a_checkpoint(tmp_path):
  with pytest.raises(InputError, match=f'no checkpoints in {tmp_path}'):
    evaluate_last(load_config(CONFIG), tmp_path)
