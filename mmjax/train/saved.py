"""What a run has learned, for use outside of it."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath

from mmjax.train.warm_start import state_folder
from mmjax.types import InputError


def read_variables(
  workdir: str | Path, *, step: int | None = None, use_ema: bool = False
) -> dict[str, Any]:
  """Reads the model's variables from a run's checkpoint.

  Args:
    workdir: folder of the run.
    step: which checkpoint; the newest whole one if None.
    use_ema: whether the parameters are their moving average.

  Returns:
    NumPy arrays by collection: `params`, and what else the model has, such as
    `batch_stats`; `model.apply` takes it.

  Raises:
    InputError: there is no such checkpoint, or it has no moving average.
  """
  path = state_folder(Path(workdir), step, option='workdir')
  handler = ocp.PyTreeCheckpointHandler()
  saved = handler.metadata(epath.Path(path.absolute())).tree
  section = 'ema' if use_ema else 'params'
  if not saved.get(section):
    raise InputError(f'use_ema: {path} has no moving average')
  sections = {
    name: saved[name] for name in (section, 'collections') if saved.get(name)
  }
  read = ocp.PyTreeCheckpointer().restore(
    path.absolute(),
    args=ocp.args.PyTreeRestore(
      item=jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), sections
      ),
      restore_args=jax.tree.map(
        lambda _: ocp.RestoreArgs(restore_type=np.ndarray), sections
      ),
      partial_restore=True,
    ),
  )
  return {'params': read[section], **(read.get('collections') or {})}
