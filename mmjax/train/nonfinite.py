"""What becomes of a step whose loss or gradient is NaN or infinite.

The step itself keeps the state as it was and says so in `metrics['finite']`.
Here that number is read when the next step has been started, so that the device
never waits for the host.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from mmjax.metrics import Ratio
from mmjax.train import processes
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import Checkpointing
from mmjax.train.errors import RunError
from mmjax.train.state import TrainState

FOLDER = 'nonfinite'


class Step(NamedTuple):
  """A step that was done.

  Attributes:
    step: its number, from 1.
    metrics: what it returned, on the device.
    index: the rows of the data that it saw.
  """

  step: int
  metrics: Mapping[str, Ratio]
  index: Any


class Guard:
  """Finds steps that were not finite, one step late.

  Attributes:
    count: how many there were.
  """

  def __init__(self, count: int = 0):
    """Goes on counting from `count`."""
    self.count = count
    self._kept: Step | None = None

  @property
  def keeps(self) -> bool:
    """Whether there is a step to check."""
    return self._kept is not None

  def check(self) -> Step | None:
    """Waits for the step that was kept; returns it if it was not finite."""
    kept, self._kept = self._kept, None
    if kept is None or float(np.asarray(kept.metrics['finite'].total)):
      return None
    self.count += 1
    return kept

  def keep(self, done: Step) -> None:
    """Remembers a step that has been started."""
    self._kept = done


def stop(
  found: Step, state: TrainState, *, step: int, workdir: Path
) -> RunError:
  """Saves what is needed to look into a step that was not finite.

  The state goes beside the checkpoints, so that a new start meets the same step
  again, from the last checkpoint. It has the parameters from before that step,
  but for an update by the one that had been started when this was noticed.

  Args:
    found: the step.
    state: the newest state.
    step: its step.
    workdir: gets `nonfinite.json` and `nonfinite/<step>/`.

  Returns:
    The error to raise.
  """
  index = found.index
  if jax.process_count() > 1:
    index = multihost_utils.process_allgather(index, tiled=True)
  index = [int(row) for row in np.ravel(np.asarray(index))]
  losses = {
    name: ratio.value()
    for name, ratio in jax.device_get(dict(found.metrics)).items()
    if name != 'finite'
  }
  folder = workdir / FOLDER
  if processes.is_first():
    shutil.rmtree(folder, ignore_errors=True)
  processes.wait('old state removed')
  with Checkpoints(folder, Checkpointing(best=None)) as checkpoints:
    checkpoints.save(state, step=step, meta={'step': step}, numbers={})
  if processes.is_first():
    report = {
      'step': found.step,
      'index': index,
      # JSON has neither NaN nor infinity.
      'numbers': {name: repr(value) for name, value in losses.items()},
      'state': f'{FOLDER}/{step}',
    }
    path = workdir / 'nonfinite.json'
    path.write_text(json.dumps(report, indent=2) + '\n')
  bad = [name for name, value in losses.items() if not np.isfinite(value)]
  rows = ', '.join(map(str, index[:8])) + (', ...' if index[8:] else '')
  return RunError(
    f'step {found.step} was not finite ({", ".join(bad)}; rows {rows} of the '
    f'data): all in {workdir / "nonfinite.json"}, the state in '
    f'{folder / str(step)}; --on-nonfinite skip leaves such steps out'
  )
