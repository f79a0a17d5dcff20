"""From the start of `train.py` to the end of its first step on the digits."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from peer_work.work import Work

TRAIN = Path(__file__).parents[2] / 'train.py'


def ours(*, cached: bool) -> Work:
  """With an empty cache of compiled programs each time, or with a full one."""
  if not cached:
    return Work(_cold)
  kept = tempfile.TemporaryDirectory()

  def run():
    _start(kept.name)

  run()
  return Work(run)


def _cold() -> None:
  with tempfile.TemporaryDirectory() as folder:
    _start(folder)


def _start(cache: str) -> None:
  """Runs until a first step is logged, and ends the run."""
  with tempfile.TemporaryDirectory() as workdir:
    process = subprocess.Popen(
      [
        *(sys.executable, str(TRAIN), '--workdir', workdir, '--log-every', '1'),
        *('--config', str(TRAIN.parent / 'configs' / 'digits.py')),
      ],
      env={**os.environ, 'JAX_COMPILATION_CACHE_DIR': cache},
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
      text=True,
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
      said.append(line)
      if line.startswith('step 1/'):
        break
    process.kill()
    process.wait()
    if not said or not said[-1].startswith('step 1/'):
      raise RuntimeError(''.join(said)[-2000:])
