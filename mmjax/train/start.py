"""What a new run starts from, instead of from random parameters alone."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from mmjax.paths import map_named, named_leaves
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.logs import say
from mmjax.train.state import TrainState, count_parameters
from mmjax.types import InputError

Wanted = Mapping[str, jax.ShapeDtypeStruct]
"""Path of a parameter of the run -> its shape, dtype and sharding. Other
variables have their collection, such as `batch_stats/`, before their paths."""


@runtime_checkable
class Start(Protocol):
  """Parameters from somewhere else: `pretrained.FromCheckpoint`."""

  def choose(self, params: Wanted) -> Mapping[str, str]:
    """Says which of a run's parameters it has: path -> its name there.

    Nothing is read.

    Raises:
      InputError: there is no such place, or they do not fit.
    """
    ...

  def read(self, params: Wanted) -> Mapping[str, jax.Array]:
    """Reads some that it has, each in the sharding that is wanted."""
    ...


class Plan(NamedTuple):
  """What a start will do, known before anything is read or written.

  Attributes:
    source: where parameters come from, for the log.
    read: paths with shapes and shardings -> the arrays.
    loaded: parameter -> where it is in the source.
    reshaped: parameter that the source has in another shape -> both shapes.
    left: parameters that are left out as told.
    fresh: parameters that the source does not have.
    unused: the source's parameters that nothing here wants.
  """

  source: str
  read: Callable[[Wanted], Mapping[str, jax.Array]]
  loaded: Mapping[str, str]
  reshaped: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
  left: Sequence[str] = ()
  fresh: Sequence[str] = ()
  unused: Sequence[str] = ()

  def load(self, state: TrainState) -> TrainState:
    """The state with what is loaded in its parameters and their average.

    Arrays are read straight into the shardings of the state; nothing else is
    read. Says what was loaded, skipped and left fresh.
    """
    here = variables_of(state)
    arrays = self.read({name: _wanted(here[name]) for name in self.loaded})
    for line in self.describe(here):
      say(line)

    def put(name, x):
      return arrays.get(name, x)

    return state._replace(
      params=map_named(put, state.params),
      # A copy: the step gives away the memory of both.
      ema=map_named(
        lambda n, x: jnp.copy(arrays[n]) if n in arrays else x, state.ema
      ),
      collections=map_named(put, state.collections),
    )

  def describe(self, params: Mapping[str, Any]) -> list[str]:
    """Lines that say what happens to each of the new run's parameters."""
    everything = [*params]
    size = count_parameters([params[name] for name in self.loaded])
    lines = [f'warm start from {self.source}']
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
      'there but not used', self.unused, [*self.unused, *self.loaded.values()]
    )
    return lines


def plan_start(start: Any, state: TrainState, workdir: Path) -> Plan | None:
  """Compares a new run's parameters with what a config's `start` has.

  Args:
    start: the config's, or None.
    state: of the new run, or its shapes.
    workdir: folder of the new run.

  Returns:
    What to load; None if there is no `start`, or if `workdir` has a checkpoint
    to go on from.

  Raises:
    InputError: what it has does not fit.
  """
  if start is None or latest_step(workdir) is not None:
    return None
  here = variables_of(state)
  loaded = start.choose(here)
  if not loaded:
    raise InputError(f'start: nothing of this model is in {start}')
  fresh = [name for name in here if name not in loaded]
  return Plan(str(start), start.read, loaded, fresh=fresh)


def variables_of(state: TrainState) -> dict[str, Any]:
  """Path -> parameter, and collection and path -> other variable."""
  return named_leaves({**state.params, **state.collections})


def latest_step(workdir: Path) -> int | None:
  """Step of a run's newest whole checkpoint, None if it has none."""
  folder = workdir / 'checkpoints'
  if not folder.is_dir():
    return None
  with Checkpoints(folder) as checkpoints:
    return checkpoints.latest()


def _wanted(x: Any) -> jax.ShapeDtypeStruct:
  return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding)


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
