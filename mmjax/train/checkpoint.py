"""Checkpoints through Orbax: asynchronous, the newest few and the best.

A checkpoint comes into being whole: Orbax writes it under another name,
`SHA256SUMS` is added to it there, and then it is renamed, all in the thread
that saves. So whatever moment a run is killed at, a folder with the name of a
step has its checksums, and one that fails them was damaged later.
"""

import contextlib
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy

from mmjax.train.checksums import write_checksums
from mmjax.train.config import Checkpointing
from mmjax.train.errors import RunError, bytes_free
from mmjax.train.logs import say
from mmjax.train.newest import UNFINISHED, find_newest
from mmjax.train.state import TrainState
from mmjax.types import InputError

SCHEMA = 1
"""Another number wherever another mmjax could not read what this one saves."""


class Checkpoints:
  """The checkpoints of one run, in `folder/<step>/`.

  Each holds the state, and beside it a JSON object `meta`: the schema's version
  and what the run wants to remember, such as its position in the data.
  """

  def __init__(self, folder: Path, options: Checkpointing | None = None):
    """Opens the folder; changes it only where `options` ask for saving.

    Then a damaged checkpoint gets the name `<step>.corrupt`, with a warning.

    Raises:
      InputError: there are checkpoints, but every one is damaged.
    """
    self._folder = folder.absolute()
    self._newest = find_newest(self._folder, repair=options is not None)
    self._saving: int | None = None
    self._failure = _Failure()
    logging.getLogger('absl').addFilter(self._failure)
    policy, best = None, None
    if options is not None:
      kept: list[Any] = [preservation_policy.LatestN(options.keep)]
      if options.best is not None:
        best = _metric(options.best)
        kept.append(preservation_policy.BestN(get_metric_fn=best, n=1))
      policy = preservation_policy.AnyPreservationPolicy(kept)
    self._manager = ocp.CheckpointManager(
      self._folder,
      options=ocp.CheckpointManagerOptions(
        preservation_policy=policy,
        best_fn=best,
        best_mode='max',
        create=options is not None,
        cleanup_tmp_directories=options is not None,
        read_only=options is None,
        save_interval_steps=0 if options is None else 1,
        # Metrics may be damaged where nothing is repaired.
        lightweight_initialize=options is None,
        async_options=ocp.AsyncOptions(
          post_finalization_callback=self._add_checksums
        ),
      ),
    )

  def latest(self) -> int | None:
    """Step of the newest whole checkpoint found on opening, or None."""
    return self._newest

  def save(
    self,
    state: TrainState,
    *,
    step: int,
    meta: Mapping[str, int],
    numbers: Mapping[str, float],
  ) -> None:
    """Starts saving; the state may be donated to the next step at once.

    Args:
      state: what to save.
      step: steps done.
      meta: what else to remember.
      numbers: validation numbers, for choosing the best.

    Raises:
      RunError: this save, or the one before it, failed.
    """
    try:
      # Before `_saving` changes, which that save reads.
      self.finish()
      self._saving = step
      started = self._manager.save(
        step,
        args=ocp.args.Composite(
          state=ocp.args.StandardSave(state._asdict()),
          meta=ocp.args.JsonSave({'schema': SCHEMA, **meta}),
        ),
        metrics=dict(numbers),
      )
    except RunError:
      raise
    except Exception as error:
      raise self._failed(error) from error
    if not started:
      raise RunError(f'{self._folder} has a checkpoint newer than {step}')

  def check(self) -> None:
    """Raises RunError if a save that ran beside the training has failed."""
    if self._failure.error is not None:
      raise self._failed(self._failure.error) from self._failure.error

  def finish(self) -> None:
    """Waits until everything is on the disk; raises RunError if it cannot."""
    # Orbax itself would first wait for other processes, and they for this one.
    while self._manager.is_saving_in_progress():
      self.check()
      time.sleep(0.005)
    try:
      self._manager.wait_until_finished()
    except Exception as error:
      raise self._failed(error) from error

  def meta(self, step: int) -> dict[str, int]:
    """What was saved beside the state.

    Raises:
      InputError: an mmjax with another schema saved it.
    """
    args = ocp.args.Composite(meta=ocp.args.JsonRestore())
    meta = self._manager.restore(step, args=args)['meta']
    if meta.get('schema') != SCHEMA:
      raise InputError(
        f'checkpoint {self._folder / str(step)} has schema '
        f'{meta.get("schema")}, this mmjax reads {SCHEMA}: use the mmjax that '
        'saved it'
      )
    return meta

  def restore(self, step: int, like: TrainState) -> TrainState:
    """Reads a checkpoint into the shapes and shardings of `like`.

    Args:
      step: which checkpoint.
      like: a state, or its `jax.ShapeDtypeStruct`s with shardings.

    Returns:
      The state, bit for bit what was saved.

    Raises:
      InputError: the checkpoint holds another state than `like`.
    """
    self.meta(step)
    target = jax.tree.map(ocp.utils.to_shape_dtype_struct, like._asdict())
    try:
      restored = self._manager.restore(
        step,
        args=ocp.args.Composite(state=ocp.args.StandardRestore(target)),
      )
    # Its bytes are known to be right, so what is left is another structure.
    except (ValueError, KeyError) as error:
      reason = str(error).strip().splitlines()[0]
      raise InputError(
        f'checkpoint {self._folder / str(step)} does not fit this config, '
        f'perhaps for another optimizer: {reason}'
      ) from error
    return TrainState(**restored['state'])

  def __enter__(self) -> 'Checkpoints':
    """Opens; `with` waits for the last save."""
    return self

  def __exit__(self, kind: type | None, *_: Any) -> None:
    """Waits until everything is on the disk."""
    # After an error here other processes may never come to wait together.
    if kind is None or jax.process_count() == 1:
      try:
        self.finish()
      except RunError as error:
        if kind is None:
          raise
        say(f'and {error}')
      # It raises a failed save once more: that has been told.
      told = [OSError] if self._failure.error else []
      with contextlib.suppress(*told):
        self._manager.close()
    logging.getLogger('absl').removeFilter(self._failure)

  def _add_checksums(self) -> None:
    """Runs in the thread that saves, in process 0, before the renaming."""
    (folder,) = [
      path
      for path in self._folder.glob(f'{self._saving}*')
      if path.name.split('.')[0] == str(self._saving)
      # On object storage, which cannot rename, the name is the final one.
      and (UNFINISHED in path.name or path.name == str(self._saving))
    ]
    write_checksums(folder)

  def _failed(self, error: BaseException) -> RunError:
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return RunError(
      f'checkpoint {self._saving} could not be saved in {self._folder} '
      f'({bytes_free(self._folder)}); the older ones are whole: {reason[0]}'
    )


class _Failure(logging.Filter):
  """Takes from Orbax's log what went wrong in the thread that saves.

  Attributes:
    error: the first error, or None.
  """

  error: BaseException | None = None

  def filter(self, record: logging.LogRecord) -> bool:
    """Drops tracebacks, since the error ends the run as a RunError."""
    if 'orbax' not in record.pathname:
      return True
    if not record.exc_info:
      # That reading alone was asked for is no news.
      return 'directory is read only' not in record.getMessage()
    if self.error is None and record.pathname.endswith('async_checkpointer.py'):
      self.error = record.exc_info[1]
    return False


def _metric(name: str):
  return lambda numbers: numbers.get(name, float('-inf'))
