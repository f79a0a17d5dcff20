"""A trace of a few steps, for TensorBoard and Perfetto."""

from pathlib import Path
from typing import Any

import jax

from mmjax.train import processes
from mmjax.train.logs import say

_WARM_UP = 3


class Profile:
  """Traces some steps of process 0, after the first few.

  Beside the event files, in `tensorboard/plugins/profile/<time>/`, it leaves
  `*.xplane.pb`, which TensorBoard's profile plugin shows, and
  `perfetto_trace.json.gz` for https://ui.perfetto.dev.
  """

  def __init__(self, workdir: Path, *, steps: int, step: int):
    """Traces `steps` (0: nothing) of a run that begins after `step`."""
    self._folder = workdir / 'tensorboard'
    self._first = step + 1 + _WARM_UP
    self._last = self._first + steps - 1
    self._traces = steps > 0 and processes.is_first()
    self._running = False

  def before(self, step: int) -> jax.profiler.StepTraceAnnotation:
    """Call it before each step; a context that marks the step in the trace."""
    if self._traces and step == self._first:
      jax.profiler.start_trace(str(self._folder), create_perfetto_trace=True)
      self._running = True
    return jax.profiler.StepTraceAnnotation('train', step_num=step)

  def after(self, step: int, done: Any) -> None:
    """Call it after each step, with arrays that the step computes."""
    if self._running and step == self._last:
      jax.block_until_ready(done)
      self._stop()

  def __enter__(self) -> 'Profile':
    """Opens."""
    return self

  def __exit__(self, *_: Any) -> None:
    """Ends a trace that the end of the run cuts short."""
    if self._running:
      self._stop()

  def _stop(self) -> None:
    self._running = False
    jax.profiler.stop_trace()
    say(f'trace: {self._folder / "plugins" / "profile"}')
