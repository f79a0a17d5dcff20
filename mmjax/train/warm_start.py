"""Fine-tuning: a new run that starts from parameters of another one."""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.traverse_util
import jax
import orbax.checkpoint as ocp
from etils import epath

from mmjax.paths import first_match, named_leaves, require_matches
from mmjax.train.config import WarmStart
from mmjax.train.start import Plan, Wanted, latest_step
from mmjax.types import InputError


def plan_warm_start(
  options: WarmStart, params: Any, workdir: Path
) -> Plan | None:
  """Compares a new run's parameters with those of another run.

  Args:
    options: where the other run is, and what to take.
    params: the new run's parameters, or their shapes.
    workdir: folder of the new run.

  Returns:
    What to load; None if no warm start is asked for, or if `workdir` has a
    checkpoint to go on from.

  Raises:
    InputError: there is no such checkpoint, a pattern matches nothing, or
      nothing can be loaded.
  """
  if options.workdir is None or latest_step(workdir) is not None:
    return None
  path = state_folder(options.workdir, options.step)
  handler = ocp.PyTreeCheckpointHandler()
  saved = handler.metadata(epath.Path(path.absolute())).tree
  section = 'ema' if options.use_ema else 'params'
  if not saved.get(section):
    raise InputError(f'warm_start.use_ema: {path} has no moving average')
  there = named_leaves(saved[section])
  here = named_leaves(params)
  require_matches('warm_start.take', options.take, [*here])
  require_matches('warm_start.skip', options.skip, [*here])
  require_matches('warm_start.rename', [*options.rename], [*there])
  names = _renamed(there, options.rename)

  loaded, reshaped, left, fresh = {}, {}, [], []
  for name, leaf in here.items():
    taken = not options.take or first_match(options.take, name)
    if not taken or first_match(options.skip, name):
      left.append(name)
    elif name not in names:
      fresh.append(name)
    elif tuple(there[names[name]].shape) != leaf.shape:
      reshaped[name] = tuple(there[names[name]].shape), leaf.shape
    else:
      loaded[name] = names[name]
  if not loaded:
    example = next(iter(reshaped), None)
    detail = ''
    if example:
      old, new = reshaped[example]
      detail = f'; {example} is {list(old)} there, {list(new)} here'
    raise InputError(f'warm_start: nothing to load from {path.parent}{detail}')
  unused = [old for new, old in names.items() if new not in here]
  read = functools.partial(_read, path, section, loaded)
  return Plan(str(path.parent), read, loaded, reshaped, left, fresh, unused)


def _read(
  path: Path, section: str, names: Mapping[str, str], params: Wanted
) -> dict[str, jax.Array]:
  """Reads parameters of a run's state, and nothing else of it."""
  wanted = {f'{section}/{names[new]}': x for new, x in params.items()}
  target = flax.traverse_util.unflatten_dict(wanted, sep='/')
  read = ocp.PyTreeCheckpointer().restore(
    path.absolute(),
    args=ocp.args.PyTreeRestore(
      item=target,
      restore_args=ocp.checkpoint_utils.construct_restore_args(target),
      partial_restore=True,
    ),
  )
  arrays = named_leaves(read)
  return {new: arrays[f'{section}/{names[new]}'] for new in params}


def state_folder(
  workdir: Path, step: int | None, *, option: str = 'warm_start.workdir'
) -> Path:
  """Folder of a run's state at a step; the newest whole one if None.

  Raises:
    InputError: there is none; `option` is what the message blames.
  """
  folder = workdir / 'checkpoints'
  if not folder.is_dir():
    raise InputError(f'{option}: no checkpoints in {workdir}')
  if step is None:
    step = latest_step(workdir)
    if step is None:
      raise InputError(f'{option}: no complete one in {folder}')
  path = folder / str(step) / 'state'
  if not path.is_dir():
    steps = sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit())
    option = option.removesuffix('workdir') + 'step'
    raise InputError(f'{option} {step} is not in {folder}, which has {steps}')
  return path


def _renamed(
  names: Mapping[str, Any], rename: Mapping[str, str]
) -> dict[str, str]:
  """The other run's names after renaming -> as they are."""
  found = {}
  for old in names:
    new = old
    for pattern, replacement in rename.items():
      new = re.sub(pattern, replacement, new)
    if new in found:
      raise InputError(
        f'warm_start.rename makes {new!r} of both {found[new]!r} and {old!r}'
      )
    found[new] = old
  return found
