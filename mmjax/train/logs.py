"""What a run writes while it trains: `metrics.jsonl` and TensorBoard."""

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from mmjax.train import processes


@contextlib.contextmanager
def _as_if_absent(module: str) -> Iterator[None]:
  """Has imports of a module fail, unless it is there already."""
  if module in sys.modules:
    yield
    return
  missing: Any = None
  sys.modules[module] = missing
  try:
    yield
  finally:
    del sys.modules[module]


# Where PyTorch is installed tensorboardX imports it, which takes seconds, for
# tensors that nobody gives it here.
with _as_if_absent('torch'):
  from tensorboardX import summary
  from tensorboardX.event_file_writer import EventsWriter
  from tensorboardX.proto.event_pb2 import (
    Event,  # pyright: ignore[reportAttributeAccessIssue]
    SessionLog,  # pyright: ignore[reportAttributeAccessIssue]
  )

_SECONDS_BETWEEN_FLUSHES = 10.0


def say(text: str) -> None:
  """Tells the person at the terminal; standard output is for results."""
  if processes.is_first():
    Console(stderr=True, highlight=False).print(
      text, markup=False, soft_wrap=True
    )


class Logs:
  """Writes numbers to `metrics.jsonl` and TensorBoard in a workdir.

  Of several processes the first does; in the others nothing happens.
  """

  def __init__(self, workdir: Path, *, step: int = 0, anew: str | None = None):
    """Opens the logs, forgetting what was written after `step`.

    A run that was killed has logged steps that its checkpoint does not know;
    it will log them again.

    Args:
      workdir: folder of the run.
      step: the last one that is known.
      anew: a split whose line of that step is forgotten too, because it is
        about to be written again.
    """
    self._writes = processes.is_first()
    if not self._writes:
      return
    path = workdir / 'metrics.jsonl'
    if path.exists():
      kept = [
        line
        for line in _whole_lines(path)
        if _is_kept(json.loads(line), step, anew)
      ]
      part = path.with_suffix('.part')
      part.write_text(''.join(line + '\n' for line in kept))
      part.replace(path)
    self._file = path.open('a')
    self._board = _Board(workdir / 'tensorboard', step=step)

  def write(self, step: int, split: str, numbers: Mapping[str, float]) -> None:
    """Adds a line; NaN and infinity become null, as JSON has neither."""
    if not self._writes:
      return
    line = {'step': step, 'split': split}
    for name, value in numbers.items():
      line[name] = value if math.isfinite(value) else None
      self._board.add(step, f'{split}/{name}', value)
    self._file.write(json.dumps(line) + '\n')
    self._file.flush()

  def __enter__(self) -> 'Logs':
    """Opens."""
    return self

  def __exit__(self, *_) -> None:
    """Closes the files."""
    if self._writes:
      self._board.close()
      self._file.close()


class _Board:
  """An event file of TensorBoard's, written where it is called.

  The usual `SummaryWriter` has a thread, which dies of a full disk; then its
  queue fills up and blocks the run for good.
  """

  def __init__(self, folder: Path, *, step: int):
    folder.mkdir(parents=True, exist_ok=True)
    # Two files of one second must not have one name.
    suffix = f'.{os.getpid()}.{time.monotonic_ns()}'
    self._writer = EventsWriter(str(folder / 'events'), suffix)
    if step:
      # TensorBoard drops what other files have from here on.
      start = SessionLog(status=SessionLog.START)
      self._write(step + 1, session_log=start)
    self._flushed = time.monotonic()

  def add(self, step: int, name: str, value: float | int) -> None:
    self._write(step, summary=summary.scalar(name, value))
    if time.monotonic() - self._flushed > _SECONDS_BETWEEN_FLUSHES:
      self._writer.flush()
      self._flushed = time.monotonic()

  def close(self) -> None:
    self._writer.close()

  def _write(self, step: int, **what) -> None:
    self._writer.write_event(Event(wall_time=time.time(), step=step, **what))


def _is_kept(line: Mapping[str, Any], step: int, anew: str | None) -> bool:
  if line['step'] == step:
    return line['split'] != anew
  return line['step'] < step


def _whole_lines(path: Path) -> Iterator[str]:
  for line in path.read_text().splitlines():
    with contextlib.suppress(ValueError):
      json.loads(line)
      yield line
