"""Several processes stop, save, fall back and fail as one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import mean_config
import pytest

from mmjax.train import processes
from tests import flags

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def test_one_process_agrees_with_itself():
  assert processes.agree([3, 2, 1]) == [3, 2, 1]
  assert processes.first_reason(None) is None
  assert processes.first_reason('because') == 'because'
  assert processes.is_first()


@pytest.fixture
def start(tmp_path):
  """Starts two processes of two devices each on one workdir."""
  running = []

  def start(*options):
    with socket.socket() as free:
      free.bind(('localhost', 0))
      port = free.getsockname()[1]
    environment = os.environ | {
      'XLA_FLAGS': flags.with_devices(2),
      'PYTHONPATH': str(ROOT),
    }
    both = [
      subprocess.Popen(
        [
          *(sys.executable, str(HERE / 'mean_program.py'), str(port), '2'),
          *(str(index), '--config', str(HERE / 'mean_config.py')),
          *('--workdir', str(tmp_path / 'run'), *options),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
      )
      for index in range(2)
    ]
    running.extend(both)
    return both

  yield start
  for process in running:
    if process.poll() is None:
      process.kill()
      process.communicate()


def _count(workdir):
  path = workdir / 'metrics.jsonl'
  return path.read_text().count('\n') if path.exists() else 0


def _goes_on(workdir, both):
  """Waits until there are some steps more than now."""
  more = _count(workdir) + 5
  for _ in range(3000):
    if _count(workdir) >= more:
      return
    for process in both:
      assert process.poll() is None, process.communicate()[1]
    time.sleep(0.02)
  raise AssertionError('never got there')


def _between_saves(workdir):
  """Waits until the newest checkpoint is whole and the next one is not near."""
  every = mean_config.get_config().checkpoint.every
  for _ in range(3000):
    newest, since = divmod(_count(workdir), every)
    if since <= every // 2 and str(newest * every) in _steps(workdir):
      return
    time.sleep(0.01)
  raise AssertionError('always saving')


def _ends(both):
  said = [process.communicate(timeout=120) for process in both]
  return [process.returncode for process in both], [err for _, err in said]


def _steps(workdir):
  return sorted(path.name for path in (workdir / 'checkpoints').iterdir())


@pytest.mark.slow
def test_two_processes_stop_save_fall_back_and_fail_together(start, tmp_path):
  workdir = tmp_path / 'run'

  # One is told to go: both save the same step.
  both = start('--steps', '1000')
  _goes_on(workdir, both)
  both[1].send_signal(signal.SIGTERM)
  codes, errors = _ends(both)
  assert codes == [0, 0], errors
  assert 'stopped at step' in errors[0]
  step = int(errors[0].split('stopped at step ')[1].split(';')[0])
  assert str(step) in _steps(workdir)
  lines = (workdir / 'metrics.jsonl').read_text().splitlines()
  assert [json.loads(line)['step'] for line in lines] == [*range(1, step + 1)]

  # A damaged checkpoint: both use the one before, one renames.
  newest = workdir / 'checkpoints' / str(step)
  files = [path for path in newest.rglob('*') if path.is_file()]
  path = max(files, key=lambda path: path.stat().st_size)
  path.write_bytes(path.read_bytes()[:-1] + b'?')
  both = start('--steps', '1000')
  _goes_on(workdir, both)
  # Ctrl-C in one stops both.
  both[0].send_signal(signal.SIGINT)
  codes, errors = _ends(both)
  assert codes == [130, 0], errors
  assert f'it is now {step}.corrupt' in errors[0]
  assert errors[1].count('corrupt') == 0
  assert f'{step}.corrupt' in _steps(workdir)

  # One dies: the other does not wait for ever.
  both = start('--steps', '1000')
  _goes_on(workdir, both)
  both[1].kill()
  since = time.monotonic()
  codes, errors = _ends(both)
  assert time.monotonic() - since < 60
  assert codes[0] not in (0, None), errors[0]
  # What says so depends on what it was doing.
  assert 'heartbeat' in errors[0] or 'Connection' in errors[0], errors[0]

  # One cannot go on: neither does it keep the other waiting.
  both = start('--steps', '1000')
  _goes_on(workdir, both)
  # Not during a save: TensorStore may wait for a file whose folder has gone.
  _between_saves(workdir)
  (workdir / 'checkpoints').rename(workdir / 'elsewhere')
  (workdir / 'checkpoints').write_text('in the way')
  since = time.monotonic()
  codes, errors = _ends(both)
  assert time.monotonic() - since < 60
  assert codes[0] == 1, errors
  assert codes[1] != 0, errors
  (last,) = [line for line in errors[0].splitlines() if 'error: ' in line]
  assert 'could not be saved' in last
