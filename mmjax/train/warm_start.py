"""Fine-tuning: a new run that starts from parameters of another one."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import flax.traverse_util
import jax.numpy as jnp
import orbax.checkpoint as ocp
from etils import epath

from mmjax.paths import first_match, map_named, named_leaves, require_matches
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import WarmStart
from mmjax.train.logs import say
from mmjax.train.state import TrainState, count_parameters
from mmjax.types import InputError


class Plan(NamedTuple):
  """What a warm start will do, known before anything is read or written.

  Attributes:
    path: folder of the other run's state.
    loaded: parameter -> where it is in that state.
    reshaped: parameter that the other run has in another shape -> both shapes.
    left: parameters that `take` and `skip` leave out.
    fresh: parameters that the other run does not have.
    unused: the other run's parameters that nothing here wants.
  """

  path: Path
  loaded: Mapping[str, str]
  reshaped: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
  left: Sequence[str]
  fresh: Sequence[str]
  unused: Sequence[str]

  def load(self, state: TrainState) -> TrainState:
    """The state with what is loaded in its parameters and their average.

    Arrays are read straight into the shardings of the state; of the checkpoint
    nothing else is read. Says what was loaded, skipped and left fresh.
    """
    here = named_leaves(state.params)
    wanted = {
      old: ocp.utils.to_shape_dtype_struct(here[new])
      for new, old in self.loaded.items()
    }
    target = flax.traverse_util.unflatten_dict(wanted, sep='/')
    read = ocp.PyTreeCheckpointer().restore(
      self.path.absolute(),
      args=ocp.args.PyTreeRestore(
        item=target,
        restore_args=ocp.checkpoint_utils.construct_restore_args(target),
        partial_restore=True,
      ),
    )
    arrays = named_leaves(read)
    loaded = {new: arrays[old] for new, old in self.loaded.items()}
    for line in self.describe(here):
      say(line)
    return state._replace(
      params=map_named(lambda n, x: loaded.get(n, x), state.params),
      # A copy: the step gives away the memory of both.
      ema=map_named(
        lambda n, x: jnp.copy(loaded[n]) if n in loaded else x, state.ema
      ),
    )

  def describe(self, params: Mapping[str, Any]) -> list[str]:
    """Lines that say what happens to each of the new run's parameters."""
    everything = [*params]
    size = count_parameters([params[name] for name in self.loaded])
    lines = [f'warm start from {self.path.parent}']
    lines += _say(
      f'loaded {len(self.loaded)} arrays, {size:,} parameters',
      [*self.loaded],
      everything,
    )
    for name, (old, new) in self.reshaped.items():
      lines.append(f'  skipped {name}: {list(old)} there, {list(new)} here')
    lines += _say('skipped as told', self.left, everything)
    lines += _say('fresh', self.fresh, everything)
    lines += _say(
      'there but not used',
      self.unused,
      [*self.unused, *(old.split('/', 1)[1] for old in self.loaded.values())],
    )
    return lines


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
  if options.workdir is None or _latest(workdir) is not None:
    return None
  path = _state_folder(options.workdir, options.step)
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
      loaded[name] = f'{section}/{names[name]}'
  if not loaded:
    example = next(iter(reshaped), None)
    detail = ''
    if example:
      old, new = reshaped[example]
      detail = f'; {example} is {list(old)} there, {list(new)} here'
    raise InputError(f'warm_start: nothing to load from {path.parent}{detail}')
  unused = [old for new, old in names.items() if new not in here]
  return Plan(path, loaded, reshaped, left, fresh, unused)


def _latest(workdir: Path) -> int | None:
  folder = workdir / 'checkpoints'
  if not folder.is_dir():
    return None
  with Checkpoints(folder) as checkpoints:
    return checkpoints.latest()


def _state_folder(workdir: Path, step: int | None) -> Path:
  folder = workdir / 'checkpoints'
  if not folder.is_dir():
    raise InputError(f'warm_start.workdir: no checkpoints in {workdir}')
  if step is None:
    step = _latest(workdir)
    if step is None:
      raise InputError(f'warm_start.workdir: no complete one in {folder}')
  path = folder / str(step) / 'state'
  if not path.is_dir():
    steps = sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit())
    raise InputError(
      f'warm_start.step {step} is not in {folder}, which has {steps}'
    )
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


def _say(text: str, names: Sequence[str], everything: Sequence[str]):
  return [f'  {text}: {", ".join(cover(names, everything))}'] if names else []


def cover(names: Sequence[str], everything: Sequence[str]) -> list[str]:
  """The shortest paths under which there are only `names`.

  Example:
    >>> cover(['a/b/x', 'a/b/y', 'c'], ['a/b/x', 'a/b/y', 'a/d', 'c'])
    ['a/b', 'c']
  """
  rest = set(everything) - set(names)
  shared = {prefix for name in rest for prefix in _prefixes(name)}
  found = {}
  for name in names:
    found[next(p for p in _prefixes(name) if p not in shared)] = None
  return [*found]


def _prefixes(name: str) -> list[str]:
  keys = name.split('/')
  return ['/'.join(keys[: i + 1]) for i in range(len(keys))]
