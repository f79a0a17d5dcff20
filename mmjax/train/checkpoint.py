"""Checkpoints through Orbax: asynchronous, the newest few and the best."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy

from mmjax.train.config import Checkpointing
from mmjax.train.state import TrainState


class Checkpoints:
  """The checkpoints of one run, in `folder/<step>/`.

  Each holds the state, and beside it a JSON object with the data position.
  """

  def __init__(self, folder: Path, options: Checkpointing | None = None):
    """Opens the folder; creates it only where `options` ask for saving."""
    policy, best = None, None
    if options is not None:
      kept: list[Any] = [preservation_policy.LatestN(options.keep)]
      if options.best is not None:
        best = _metric(options.best)
        kept.append(preservation_policy.BestN(get_metric_fn=best, n=1))
      policy = preservation_policy.AnyPreservationPolicy(kept)
    self._manager = ocp.CheckpointManager(
      folder.absolute(),
      options=ocp.CheckpointManagerOptions(
        preservation_policy=policy,
        best_fn=best,
        best_mode='max',
        create=options is not None,
        cleanup_tmp_directories=options is not None,
        read_only=options is None,
      ),
    )

  def latest(self) -> int | None:
    """Step of the newest complete checkpoint, None if there is none."""
    return self._manager.latest_step()

  def save(
    self,
    state: TrainState,
    *,
    step: int,
    position: Mapping[str, int],
    numbers: Mapping[str, float],
  ) -> None:
    """Starts saving; the state may be donated to the next step at once.

    Args:
      state: what to save.
      step: steps done.
      position: where the data is, for people: training derives it from `step`.
      numbers: validation numbers, for choosing the best.
    """
    self._manager.save(
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardSave(state._asdict()),
        position=ocp.args.JsonSave(dict(position)),
      ),
      metrics=dict(numbers),
    )

  def restore(self, step: int, like: TrainState) -> TrainState:
    """Reads a checkpoint into the shapes and shardings of `like`.

    Args:
      step: which checkpoint.
      like: a state, or its `jax.ShapeDtypeStruct`s with shardings.

    Returns:
      The state, bit for bit what was saved.
    """
    target = jax.tree.map(ocp.utils.to_shape_dtype_struct, like._asdict())
    restored = self._manager.restore(
      step,
      args=ocp.args.Composite(state=ocp.args.StandardRestore(target)),
    )
    return TrainState(**restored['state'])

  def __enter__(self) -> 'Checkpoints':
    """Opens; `with` waits for the last save."""
    return self

  def __exit__(self, *_: Any) -> None:
    """Waits until everything is on the disk."""
    self._manager.wait_until_finished()
    self._manager.close()


def _metric(name: str):
  return lambda numbers: numbers.get(name, float('-inf'))
