"""What a person sees of the training: a progress bar, and late metrics."""

import math
import sys
import time
from collections.abc import Mapping

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

from mmjax.metrics import Ratio
from mmjax.train import processes
from mmjax.train.logs import Logs, say
from mmjax.train.times import Times

# Without a terminal a line now and then stands in for the bar.
_SECONDS_BETWEEN_LINES = 10.0


class Meter:
  """A progress bar with loss and speed, or plain lines without a terminal."""

  def __init__(self, *, steps: int, step: int):
    """Starts at `step` of `steps`."""
    self._steps = steps
    self._said = time.monotonic()
    self._bar = Progress(
      TextColumn('train'),
      BarColumn(),
      MofNCompleteColumn(),
      TextColumn('loss {task.fields[loss]:.4f}'),
      TextColumn('{task.fields[speed]}'),
      TimeRemainingColumn(),
      console=Console(stderr=True),
      disable=not (sys.stderr.isatty() and processes.is_first()),
    )
    self._task = self._bar.add_task(
      'train', total=steps, completed=step, loss=math.nan, speed=''
    )

  def update(self, step: int, numbers: Mapping[str, float]) -> None:
    """Shows the loss and what `Times` has measured."""
    loss, speed = numbers['loss'], _speed(numbers)
    self._bar.update(self._task, completed=step, loss=loss, speed=speed)
    now = time.monotonic()
    if self._bar.disable and now - self._said > _SECONDS_BETWEEN_LINES:
      self._said = now
      said = f'step {step}/{self._steps}  loss {loss:.4f}  {speed}'
      if 'step_seconds' in numbers:
        left = (self._steps - step) * numbers['step_seconds']
        said += f'  {left:.0f} s left'
      say(said)

  def __enter__(self) -> 'Meter':
    """Shows the bar."""
    self._bar.start()
    return self

  def __exit__(self, *_) -> None:
    """Ends the bar."""
    self._bar.stop()


def _speed(numbers: Mapping[str, float]) -> str:
  if 'step_seconds' not in numbers:
    return ''
  parts = [
    f'{numbers["examples_per_second"]:.0f} examples/s',
    f'{1e3 * numbers["step_seconds"]:.0f} ms a step',
    f'{1e3 * numbers["data_seconds"]:.0f} for data',
  ]
  if 'mfu' in numbers:
    parts.append(f'MFU {numbers["mfu"]:.1%}')
  parts += [
    f'{value:.1f} GiB'
    for name, value in numbers.items()
    if name.endswith('_memory_gib')
  ]
  return '  '.join(parts)


class LateMetrics:
  """Writes a step's metrics when the next step has been started.

  Fetching them waits for the step that computes them; a step later it is done
  already, and the device has not been kept waiting.
  """

  def __init__(
    self, logs: Logs, meter: Meter, times: Times, *, rate: optax.Schedule
  ):
    """Writes to `logs`, with the learning rate that `rate` gives."""
    self._logs, self._meter, self._times = logs, meter, times
    self._rate = jax.jit(rate)  # many operations, each compiled by itself
    self._kept: tuple[int, Mapping[str, Ratio]] | None = None

  def keep(self, step: int, metrics: Mapping[str, Ratio]) -> None:
    """Remembers the metrics of a step, still on the device."""
    self._kept = step, metrics

  def write(self, **counts: int) -> None:
    """Fetches and writes what was kept, if anything was.

    Args:
      **counts: what the host counted, such as records that it skipped.
    """
    if self._kept is None:
      return
    step, metrics = self._kept
    self._kept = None
    fetched = jax.device_get(dict(metrics))
    # The steps that were not finite are counted instead.
    fetched.pop('finite', None)
    numbers = {name: ratio.value() for name, ratio in fetched.items()}
    numbers['learning_rate'] = float(np.asarray(self._rate(step - 1)))
    numbers |= counts | self._times.take()
    self._meter.update(step, numbers)
    self._logs.write(step, 'train', numbers)
