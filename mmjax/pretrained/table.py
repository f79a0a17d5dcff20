"""Tables of what a parameter is called elsewhere, read in both directions.

A row names a tensor of a checkpoint, the parameter that it becomes, and an
einops pattern between the two. Reading the pattern backwards exports, so that a
table that loads right writes right, too.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from einops import rearrange

from mmjax.layers.attention import PROJECTIONS


class Row(NamedTuple):
  """A tensor of a checkpoint and what it is here.

  Attributes:
    key: name of the tensor; `{}` stands for the number of a layer.
    path: of the parameter; of several ones, if the tensor holds them one behind
      the other along the first axis that the pattern makes.
    pattern: einops, from theirs to ours; empty if they are equal.
    sizes: of axes that the pattern splits.
  """

  key: str
  path: str | tuple[str, ...]
  pattern: str = ''
  sizes: Mapping[str, int] = {}

  @property
  def paths(self) -> tuple[str, ...]:
    """The parameters, one or several."""
    return (self.path,) if isinstance(self.path, str) else self.path

  def at(self, layer: int) -> 'Row':
    """The row of one layer."""
    paths = tuple(p.replace('{}', str(layer)) for p in self.paths)
    return self._replace(
      key=self.key.replace('{}', str(layer)),
      path=paths[0] if isinstance(self.path, str) else paths,
    )

  def load(
    self, tensor: np.ndarray, shapes: Sequence[tuple[int, ...]]
  ) -> list[np.ndarray]:
    """The parameters that a tensor holds.

    Raises:
      ValueError: they do not have these shapes.
    """
    x = tensor
    if self.pattern:
      x = rearrange(tensor, self.pattern, **self.sizes)
    if len(shapes) == 1:
      parts = [x]
    else:
      counts = [math.prod(s) // math.prod(x.shape[1:]) for s in shapes]
      if sum(counts) != len(x):
        raise ValueError(f'{x.shape} does not hold {list(shapes)}')
      ends = np.cumsum(counts)[:-1]
      parts = [
        part.reshape(shape)
        for part, shape in zip(np.split(x, ends), shapes, strict=True)
      ]
    for part, shape in zip(parts, shapes, strict=True):
      if part.shape != tuple(shape):
        raise ValueError(f'{part.shape} instead of {tuple(shape)}')
    return parts

  def export(self, leaves: Sequence[np.ndarray]) -> np.ndarray:
    """The tensor that holds these parameters."""
    theirs, _, ours = self.pattern.partition('->')
    if len(leaves) == 1:
      x = leaves[0]
    else:
      # The axes behind the first one are those that the pattern ends with.
      rest = len(_axes(ours)) - 1
      x = np.concatenate(
        [leaf.reshape(-1, *leaf.shape[leaf.ndim - rest :]) for leaf in leaves]
      )
    if not self.pattern:
      return np.asarray(x, order='C')
    back = rearrange(x, f'{ours} -> {theirs}', **self.sizes)
    return np.asarray(back, order='C')


def dense(key: str, path: str, *, bias: bool = True) -> list[Row]:
  """A linear layer of PyTorch, `[out, in]`, as one of Flax, `[in, out]`."""
  rows = [Row(f'{key}.weight', f'{path}/kernel', 'd e -> e d')]
  return rows + ([Row(f'{key}.bias', f'{path}/bias')] if bias else [])


def norm(key: str, path: str, *, bias: bool = True) -> list[Row]:
  """A LayerNorm, or without a bias an RMSNorm."""
  rows = [Row(f'{key}.weight', f'{path}/scale')]
  return rows + ([Row(f'{key}.bias', f'{path}/bias')] if bias else [])


def attention(
  path: str,
  heads: int,
  *,
  query: str,
  key: str,
  value: str,
  out: str,
  kv_heads: int | None = None,
  biases: Sequence[str] = PROJECTIONS,
) -> list[Row]:
  """Four linear layers as those of `MultiHeadAttention`."""
  rows = []
  of = {'query': query, 'key': key, 'value': value}
  for name, there in of.items():
    k = {'k': heads if name == 'query' else kv_heads or heads}
    kernel, bias = f'{path}/{name}/kernel', f'{path}/{name}/bias'
    rows.append(Row(f'{there}.weight', kernel, '(k h) d -> d k h', k))
    if name in biases:
      rows.append(Row(f'{there}.bias', bias, '(k h) -> k h', k))
  k = {'k': heads}
  rows.append(Row(f'{out}.weight', f'{path}/out/kernel', 'd (k h) -> k h d', k))
  if 'out' in biases:
    rows.append(Row(f'{out}.bias', f'{path}/out/bias'))
  return rows


def patches(key: str, path: str, size: int, *, bias: bool = True) -> list[Row]:
  """A convolution over patches as the `PatchProjection` of a picture."""
  rows = [
    Row(
      f'{key}.weight',
      f'{path}/kernel',
      'd c p q -> (p q c) d',
      {'p': size, 'q': size},
    )
  ]
  return rows + ([Row(f'{key}.bias', f'{path}/bias')] if bias else [])


def under(prefix: str, path: str, rows: Sequence[Row]) -> list[Row]:
  """The rows with something before their keys and their paths."""
  return [
    row._replace(
      key=prefix + row.key,
      path=path + row.path
      if isinstance(row.path, str)
      else tuple(path + p for p in row.path),
    )
    for row in rows
  ]


def unroll(rows: Sequence[Row], depth: int) -> list[Row]:
  """One row for each layer where a row stands for all."""
  return [
    one
    for row in rows
    for one in ([row.at(i) for i in range(depth)] if '{}' in row.key else [row])
  ]


def export_rows(
  rows: Sequence[Row], leaves: Mapping[str, Any]
) -> dict[str, np.ndarray]:
  """Parameters under the names and in the shapes that others know."""
  return {
    row.key: row.export([np.asarray(leaves[path]) for path in row.paths])
    for row in rows
  }


def _axes(pattern: str) -> list[str]:
  """The outer axes of one side of a pattern."""
  axes, depth = [], 0
  for word in pattern.replace('(', ' ( ').replace(')', ' ) ').split():
    depth += (word == '(') - (word == ')')
    if (word == '(' and depth == 1) or (word not in '()' and depth == 0):
      axes.append(word)
  return axes
