"""What a run says while it trains: metrics.jsonl, TensorBoard, a bar."""

import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import jax
import numpy as np
import optax
from rich.console import Console
from rich.progress import (
  BarColumn,
  MofNCompleteColumn,
  Progress,
  TextColumn,
  TimeRemainingColumn,
)
from tensorboardX import SummaryWriter

from mmjax.metrics import Ratio

# Without a terminal a line now and then stands in for the bar.
_SECONDS_BETWEEN_LINES = 10.0


def say(text: str) -> None:
  """Tells the person at the terminal; standard output is for results."""
  Console(stderr=True, highlight=False).print(text, markup=False)


class Logs:
  """Writes numbers to `metrics.jsonl` and TensorBoard in a workdir."""

  def __init__(self, workdir: Path, *, step: int = 0):
    """Opens the logs, forgetting what was written after `step`.

    A run that was killed has logged steps that its checkpoint does not know;
    it will log them again.
    """
    path = workdir / 'metrics.jsonl'
    if path.exists():
      kept = [
        line for line in _whole_lines(path) if json.loads(line)['step'] <= step
      ]
      part = path.with_suffix('.part')
      part.write_text(''.join(line + '\n' for line in kept))
      part.replace(path)
    self._file = path.open('a')
    self._board = SummaryWriter(
      str(workdir / 'tensorboard'), purge_step=step + 1 if step else None
    )

  def write(self, step: int, split: str, numbers: Mapping[str, float]) -> None:
    """Adds a line; NaN and infinity become null, as JSON has neither."""
    line = {'step': step, 'split': split}
    for name, value in numbers.items():
      line[name] = value if math.isfinite(value) else None
      self._board.add_scalar(f'{split}/{name}', value, step)
    self._file.write(json.dumps(line) + '\n')
    self._file.flush()

  def __enter__(self) -> 'Logs':
    """Opens."""
    return self

  def __exit__(self, *_) -> None:
    """Closes the files."""
    self._file.close()
    self._board.close()


def _whole_lines(path: Path) -> Iterator[str]:
  for line in path.read_text().splitlines():
    with contextlib.suppress(ValueError):
      json.loads(line)
      yield line


class Meter:
  """A progress bar with loss and speed, or plain lines without a terminal."""

  def __init__(self, *, steps: int, step: int, batch_size: int):
    """Starts at `step` of `steps`."""
    self._steps, self._step, self._batch_size = steps, step, batch_size
    self._since = self._said = time.monotonic()
    self._bar = Progress(
      TextColumn('train'),
      BarColumn(),
      MofNCompleteColumn(),
      TextColumn('loss {task.fields[loss]:.4f}'),
      TextColumn('{task.fields[speed]:.0f} examples/s'),
      TimeRemainingColumn(),
      console=Console(stderr=True),
      disable=not sys.stderr.isatty(),
    )
    self._task = self._bar.add_task(
      'train', total=steps, completed=step, loss=math.nan, speed=0.0
    )

  def update(self, step: int, loss: float) -> float:
    """Shows the loss at a step; returns examples a second since the last."""
    now = time.monotonic()
    done = (step - self._step) * self._batch_size
    speed = done / max(now - self._since, 1e-9)
    self._step, self._since = step, now
    self._bar.update(self._task, completed=step, loss=loss, speed=speed)
    if self._bar.disable and now - self._said > _SECONDS_BETWEEN_LINES:
      self._said = now
      left = (self._steps - step) * self._batch_size / max(speed, 1e-9)
      say(
        f'step {step}/{self._steps}  loss {loss:.4f}  '
        f'{speed:.0f} examples/s  {left:.0f} s left'
      )
    return speed

  def pause(self) -> None:
    """Starts the clock anew, after work that is not training."""
    self._since = time.monotonic()

  def __enter__(self) -> 'Meter':
    """Shows the bar."""
    self._bar.start()
    return self

  def __exit__(self, *_) -> None:
    """Ends the bar."""
    self._bar.stop()


class LateMetrics:
  """Writes a step's metrics when the next step has been started.

  Fetching them waits for the step that computes them; a step later it is done
  already, and the device has not been kept waiting.
  """

  def __init__(self, logs: Logs, meter: Meter, *, rate: optax.Schedule):
    """Writes to `logs`, with the learning rate that `rate` gives."""
    self._logs, self._meter, self._rate = logs, meter, rate
    self._kept: tuple[int, Mapping[str, Ratio]] | None = None

  def keep(self, step: int, metrics: Mapping[str, Ratio]) -> None:
    """Remembers the metrics of a step, still on the device."""
    self._kept = step, metrics

  def write(self, *, skipped: int) -> None:
    """Fetches and writes what was kept, if anything was.

    Args:
      skipped: records of the data that could not be read, so far.
    """
    if self._kept is None:
      return
    step, metrics = self._kept
    self._kept = None
    fetched = jax.device_get(dict(metrics))
    numbers = {name: ratio.value() for name, ratio in fetched.items()}
    numbers['learning_rate'] = float(np.asarray(self._rate(step - 1)))
    numbers['skipped'] = skipped
    speed = self._meter.update(step, numbers['loss'])
    numbers['examples_per_second'] = speed
    self._logs.write(step, 'train', numbers)
