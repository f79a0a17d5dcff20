"""Which axis of which parameter is split over which axis of the mesh.

Over `fsdp` large parameters are split, each device fetching what it lacks when
it needs it (ZeRO, https://arxiv.org/abs/1910.02054); over `tensor` attention
heads and the hidden layer of MLPs are (Megatron-LM,
https://arxiv.org/abs/1909.08053). Rules know paths; models know nothing.
"""

import difflib
import re
from collections.abc import Sequence
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from mmjax.types import InputError

Rules = tuple[tuple[str, tuple[str | None, ...]], ...]

TRANSFORMER_RULES: Rules = (
  (r'attention/(query|key|value)/kernel$', (None, 'tensor', None)),
  (r'attention/(query|key|value)/bias$', ('tensor', None)),
  (r'attention/out/kernel$', ('tensor', None, None)),
  (r'mlp/up/kernel$', (None, 'tensor')),
  (r'mlp/up/bias$', ('tensor',)),
  (r'mlp/down/kernel$', ('tensor', None)),
)


def path_name(path: Sequence[Any]) -> str:
  """The path of a leaf, as `encoders_text/transformer/norm/scale`."""
  return jax.tree_util.keystr(tuple(path), simple=True, separator='/')


def state_shardings(
  state: Any,
  mesh: Mesh,
  *,
  rules: Rules = TRANSFORMER_RULES,
  min_size: int = 2**16,
) -> Any:
  """The sharding of each leaf of a state (arrays, or their shapes).

  A leaf gets the axes of the rule that its path matches; with an `fsdp` axis, a
  leaf of at least `min_size` scalars is split along its largest axis that is
  free and divisible. What optimisers keep for a parameter lies under the
  parameter's path and in its shape, and so is split like it.

  Args:
    state: the leaves, at paths that end as those of the parameters do.
    mesh: devices.
    rules: pattern of a path -> mesh axis for each of the leaf's axes.
    min_size: smallest leaf worth splitting over `fsdp`.

  Raises:
    InputError: a rule matches no leaf, or its axes do not fit one.
  """
  used: set[str] = set()

  def sharding(path, leaf):
    name = path_name(path)
    axes = _by_rule(name, leaf, mesh, rules, used)
    axes = _with_fsdp(name, leaf, mesh, axes, min_size)
    return NamedSharding(mesh, PartitionSpec(*axes))

  found = jax.tree_util.tree_map_with_path(sharding, state)
  unused = [pattern for pattern, _ in rules if pattern not in used]
  if unused and mesh.shape['tensor'] > 1:
    names = [path_name(p) for p, _ in jax.tree.leaves_with_path(state)]
    near = difflib.get_close_matches(unused[0], names, n=1, cutoff=0.1)
    raise InputError(
      f'sharding rule {unused[0]!r} matches no parameter'
      + (f'; a near one is {near[0]}' if near else '')
    )
  return found


def _stacked(name: str) -> bool:
  """Whether a leaf holds all layers of a scan along its first axis."""
  return 'blocks' in name.split('/')


def _by_rule(name, leaf, mesh, rules, used) -> list[str | None]:
  for pattern, axes in rules:
    if not re.search(pattern, name):
      continue
    axes = [*([None] if _stacked(name) else []), *axes]
    if len(axes) != leaf.ndim:
      # Factored optimisers keep sums over some of a parameter's axes.
      continue
    used.add(pattern)
    for size, axis in zip(leaf.shape, axes, strict=True):
      if axis is not None and size % mesh.shape[axis]:
        raise InputError(
          f'{name} of shape {leaf.shape} cannot be split over {axis} '
          f'{mesh.shape[axis]}'
        )
    return axes
  return [None] * leaf.ndim


def _with_fsdp(name, leaf, mesh, axes, min_size) -> list[str | None]:
  devices = mesh.shape['fsdp']
  if devices == 1 or leaf.size < min_size:
    return axes
  # Never the axis of layers: each step of the scan needs one of them whole.
  free = [
    i
    for i in range(int(_stacked(name)), leaf.ndim)
    if axes[i] is None and leaf.shape[i] % devices == 0
  ]
  if not free:
    return axes
  split = max(free, key=lambda i: leaf.shape[i])
  return [*axes[:split], 'fsdp', *axes[split + 1 :]]
