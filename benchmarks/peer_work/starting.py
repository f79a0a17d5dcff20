"""From the start of `train.py` to the end of its first step on the digits."""

import os
import subprocess
import sys
import tempfile
import time
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
  """Runs until the numbers of a first step are there, and ends the run.

  They are in the file as soon as they are known; the console tells of steps
  only every few seconds.
  """
  with tempfile.TemporaryDirectory() as folder:
    metrics = Path(folder, 'run', 'metrics.jsonl')
    with (
      Path(folder, 'said').open('w+') as said,
      subprocess.Popen(
        [
          *(sys.executable, str(TRAIN), '--workdir', str(metrics.parent)),
          *('--log-every', '1'),
          *('--config', str(TRAIN.parent / 'configs' / 'digits.py')),
        ],
        env={**os.environ, 'JAX_COMPILATION_CACHE_DIR': cache},
        stdout=subprocess.DEVNULL,
        stderr=said,
      ) as process,
    ):
      while process.poll() is None and not _has_line(metrics):
        time.sleep(0.02)
      process.kill()
      if not _has_line(metrics):
        said.seek(0)
        raise RuntimeError(said.read()[-2000:])


def _has_line(file: Path) -> bool:
  return file.exists() and '\n' in file.read_text()
