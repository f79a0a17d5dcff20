"""A training run that starts from a checkpoint, or from a part of one."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from mmjax.paths import (
  check_patterns,
  first_match,
  named_leaves,
  near,
  require_matches,
)
from mmjax.pretrained.checkpoint import Checkpoint, find
from mmjax.pretrained.folder import Tensors
from mmjax.pretrained.reading import load_rows
from mmjax.pretrained.shapes import variable_shapes
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class FromCheckpoint:
  """Parameters of a new run: those of a checkpoint, or of parts of one.

  It is what a config's `start` wants. Only the first start of a run reads it,
  tensor by tensor, straight into the run's shardings.

  Example:
    `FromCheckpoint(name='openai/clip-vit-base-patch32')` for all of a CLIP,
    with `parts={'encoders_image': 'encoders_image'}` for its picture tower
    alone; `optimizer.groups.frozen=('^encoders_image/',)` keeps that as it is.
  """

  name: str
  """Folder in the Hugging Face format, or `owner/model` of the hub."""
  parts: Mapping[str, str] = dataclasses.field(default_factory=dict)
  """Path in the run's parameters -> path in the checkpoint's, as mmjax calls
  them: `encoders_text`; all of it under its own paths, if empty."""
  skip: tuple[str, ...] = ()
  """Patterns of paths in the run's parameters that stay fresh. Of the parts,
  all others must be there, on both sides."""

  def __post_init__(self):
    """Checks the patterns."""
    check_patterns('start.skip', self.skip)

  def __str__(self) -> str:
    """The name, for the log."""
    return self.name

  def choose(self, params: Mapping[str, Any]) -> dict[str, str]:
    """Says which of a run's parameters it has.

    Args:
      params: path of each of the run's parameters -> what has its shape.

    Returns:
      Path of a parameter -> its path in the checkpoint.

    Raises:
      InputError: a part is not there, or another one in the run.
    """
    there = checkpoint_shapes(find(self.name))
    names = self.names(there)
    require_matches('start.skip', self.skip, [*params, *names])
    if self.parts:
      prefixes = tuple(f'{_with_slash(new)}' for new in self.parts)
      own = {n for n in params if _without_collection(n).startswith(prefixes)}
    else:
      # What wraps the checkpoint's model, or stands beside it, is new.
      own = {n for n in params if n in names}
    kept = {n for n in {*own, *names} if first_match(self.skip, n) is None}
    problems = []
    for name in sorted(kept):
      if name not in params:
        problems.append(f'{name} is not in the model{_near(name, params)}')
      elif name not in names:
        problems.append(f'{name} is not in the checkpoint{_near(name, names)}')
      elif tuple(params[name].shape) != (shape := there[names[name]].shape):
        new = list(params[name].shape)
        problems.append(f'{name} is {list(shape)} there, {new} here')
    if problems:
      shown = problems[:5]
      if len(problems) > 5:
        shown.append(f'and {len(problems) - 5} more')
      raise InputError(
        f'start: {self.name} does not fit: {"; ".join(shown)} (start.skip '
        'leaves out)'
      )
    return {name: names[name] for name in params if name in kept}

  def read(self, params: Mapping[str, Any]) -> dict[str, jax.Array]:
    """Reads parameters, each into the sharding that is wanted.

    Args:
      params: path in the run -> shape, dtype and sharding.

    Raises:
      InputError: the checkpoint's tensors are not as its config says.
    """
    checkpoint = find(self.name)
    shapes = checkpoint_shapes(checkpoint)
    new_of: dict[str, list[str]] = {}
    for new, old in self.names(shapes).items():
      if new in params:
        new_of.setdefault(old, []).append(new)
    rows = [
      row
      for row in checkpoint.architecture.rows
      if any(path in new_of for path in row.paths)
    ]
    found = {}
    for old, x in load_rows(
      rows,
      Tensors(checkpoint.source),
      {path: shapes[path] for row in rows for path in row.paths},
      ignore=('',),  # what is not asked for
      source=str(checkpoint.source),
    ):
      for new in new_of.get(old, []):
        found[new] = _place(x, params[new])
    return found

  def names(self, there: Mapping[str, Any]) -> dict[str, str]:
    """Path in the run -> path in the checkpoint, of all that is taken.

    Raises:
      InputError: the checkpoint has no such part.
    """
    if not self.parts:
      return {name: name for name in there}
    found = {}
    for new, old in self.parts.items():
      under = [
        name
        for name in there
        if _without_collection(name).startswith(_with_slash(old))
      ]
      if not under:
        raise InputError(
          f'start.parts: {self.name} has no {old!r}{_near(old, there)}'
        )
      for name in under:
        path = _without_collection(name)
        moved = _with_slash(new) + path.removeprefix(_with_slash(old))
        found[name.removesuffix(path) + moved] = name
    return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class FromCheckpoints:
  """Parameters of a new run from several checkpoints, no two the same ones.

  Example:
    The picture tower of a CLIP and a language model, for an `Assistant`:
    `FromCheckpoints(checkpoints=(FromCheckpoint(name=clip, parts={
    'encoders_image': 'encoders_image'}), FromCheckpoint(name=llama, parts={
    'language/encoders_text': 'encoders_text', 'language/head': 'head'})))`.
  """

  checkpoints: tuple[FromCheckpoint, ...]
  """Each with its parts."""

  def __str__(self) -> str:
    """The names, for the log."""
    return ' and '.join(map(str, self.checkpoints))

  def choose(self, params: Mapping[str, Any]) -> dict[str, str]:
    """Says which of a run's parameters they have: path -> path there.

    Raises:
      InputError: one does not fit, or two have the same parameter.
    """
    found: dict[str, str] = {}
    for one in self.checkpoints:
      chosen = one.choose(params)
      twice = sorted(found.keys() & chosen.keys())
      if twice:
        raise InputError(
          f'start: {one} has {twice[0]}, which another checkpoint has too'
        )
      found |= chosen
    return found

  def read(self, params: Mapping[str, Any]) -> dict[str, jax.Array]:
    """Reads parameters, each into the sharding that is wanted."""
    found: dict[str, jax.Array] = {}
    for one in self.checkpoints:
      # What it leaves out may be another one's.
      own = one.choose(params)
      found |= one.read({name: params[name] for name in own})
    return found


def checkpoint_shapes(checkpoint: Checkpoint) -> dict[str, Any]:
  """Path of each variable of a checkpoint -> its shape.

  Those that are no parameters have their collection before their paths.
  """
  architecture = checkpoint.architecture
  shapes = variable_shapes(architecture.model, architecture.inputs)
  return named_leaves({**shapes.pop('params'), **shapes})


def _place(x: np.ndarray, wanted: Any) -> jax.Array:
  """An array whose devices each get their own part of it."""
  x = np.asarray(x, wanted.dtype)
  return jax.make_array_from_callback(x.shape, wanted.sharding, lambda i: x[i])


def _with_slash(path: str) -> str:
  return path.strip('/') + '/' if path.strip('/') else ''


def _without_collection(name: str) -> str:
  return name.removeprefix('batch_stats/')


def _near(name: str, names: Mapping[str, Any]) -> str:
  close = near(name, [*names], count=1)
  return f' (near is {close[0]})' if close else ''
