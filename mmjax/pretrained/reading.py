"""From the tensors that a table lists to parameters."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mmjax.paths import first_match, near
from mmjax.pretrained.ahead import map_ahead
from mmjax.pretrained.copying import own_copy, size_of
from mmjax.pretrained.pages import plan
from mmjax.pretrained.table import Row
from mmjax.types import InputError


def load_rows(
  rows: Sequence[Row],
  tensors: Mapping[str, Any],
  shapes: Mapping[str, Any],
  *,
  ignore: Sequence[str] = (),
  source: str = '',
) -> Iterator[tuple[str, np.ndarray]]:
  """Reads parameters, one tensor at a time: `check_rows`, then `read_rows`."""
  check_rows(rows, tensors, shapes, ignore=ignore, source=source)
  return read_rows(rows, tensors, shapes)


def check_rows(
  rows: Sequence[Row],
  tensors: Mapping[str, Any],
  shapes: Mapping[str, Any],
  *,
  ignore: Sequence[str] = (),
  source: str = '',
) -> None:
  """Checks that tensors are those of a table, and reads none.

  Args:
    rows: the table, unrolled.
    tensors: name -> tensor.
    shapes: path -> what has the `shape` and `dtype` of the parameter.
    ignore: patterns of the names of tensors that no parameter is made of.
    source: where the tensors come from, for errors.

  Raises:
    InputError: tensors are missing, left over or of another shape.
  """
  problems = _complaints(rows, tensors, shapes, ignore)
  if problems:
    raise InputError(f'{source}: ' + '; '.join(problems))


def read_rows(
  rows: Sequence[Row], tensors: Mapping[str, Any], shapes: Mapping[str, Any]
) -> Iterator[tuple[str, np.ndarray]]:
  """Reads parameters of which `check_rows` has nothing to say.

  Args:
    rows: of the table.
    tensors: name -> tensor; each is taken once.
    shapes: path -> what has the `shape` and `dtype` of the parameter.

  Yields:
    Path and array of each parameter, which is no view of the tensor. The
    largest come first: they stand in memory twice when nothing else does.
  """
  shape_of = _shape_of(tensors)
  largest = sorted(rows, key=lambda row: -math.prod(shape_of(row.key)))
  paths = [path for row in largest for path in row.paths]
  sizes = [size_of(shapes[path].shape, shapes[path].dtype) for path in paths]
  rooms = dict(zip(paths, plan(sizes), strict=True))

  def read(row: Row) -> list[tuple[str, np.ndarray]]:
    found = row.load(np.asarray(tensors[row.key]), _wanted(row, shapes))
    return [
      (path, own_copy(x, shapes[path].dtype, rooms.pop(path)))
      for path, x in zip(row.paths, found, strict=True)
    ]

  for pairs in map_ahead(read, largest):
    yield from pairs


def _complaints(
  rows: Sequence[Row],
  tensors: Mapping[str, Any],
  shapes: Mapping[str, Any],
  ignore: Sequence[str],
) -> list[str]:
  keys = {row.key for row in rows}
  told = {path for row in rows for path in row.paths}
  assert told == set(shapes), f'table and model differ: {told ^ set(shapes)}'
  surplus = [
    key
    for key in tensors
    if key not in keys and first_match(ignore, key) is None
  ]
  problems = []
  for key in sorted(keys - set(tensors)):
    close = near(key.replace('.', '/'), [k.replace('.', '/') for k in surplus])
    names = ', '.join(name.replace('/', '.') for name in close)
    problems.append(f'no {key}' + (f' (near are {names})' if names else ''))
  problems += [f'{key} belongs to nothing' for key in sorted(surplus)]
  return problems + _misfits(rows, tensors, shapes)


def _misfits(
  rows: Sequence[Row], tensors: Mapping[str, Any], shapes: Mapping[str, Any]
) -> list[str]:
  problems, shape_of = [], _shape_of(tensors)
  for row in rows:
    if row.key not in tensors:
      continue
    shape = tuple(shape_of(row.key))
    wanted = _wanted(row, shapes)
    try:
      # One zero that is seen as many takes no memory.
      row.load(np.broadcast_to(np.zeros((), np.int8), shape), wanted)
    except Exception:  # einops has its own kind
      # What it should be, from a zero of each parameter.
      leaves = [np.broadcast_to(np.zeros((), np.int8), s) for s in wanted]
      expected = row.export(leaves).shape
      problems.append(f'{row.key} is {shape} instead of {expected}')
  return problems


def _shape_of(tensors: Any) -> Callable[[str], tuple[int, ...]]:
  """Shapes by name; files tell them without reading a tensor."""
  return getattr(tensors, 'shape', lambda key: np.shape(tensors[key]))


def _wanted(row: Row, shapes: Mapping[str, Any]) -> list[tuple[int, ...]]:
  return [tuple(shapes[path].shape) for path in row.paths]
