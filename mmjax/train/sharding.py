"""Which axis of which parameter is split over which axis of the mesh.

Over `fsdp` large parameters are split, each device fetching what it lacks when
it needs it (ZeRO, https://arxiv.org/abs/1910.02054); over `tensor` attention
heads and the hidden layer of MLPs are (Megatron-LM,
https://arxiv.org/abs/1909.08053). Rules know paths; models know nothing.
"""

import re
from typing import Any

from jax.sharding import Mesh, NamedSharding, PartitionSpec

from mmjax.paths import map_named, named_leaves, require_matches
from mmjax.types import InputError

Rules = tuple[tuple[str, tuple[str | None, ...]], ...]

TRANSFORMER_RULES: Rules = (
  (r'attention/(query|key|value)/kernel$', (None, 'tensor', None)),
  (r'attention/(query|key|value)/bias$', ('tensor', None)),
  (r'attention/out/kernel$', ('tensor', None, None)),
  (r'mlp/(up|gate)/kernel$', (None, 'tensor')),
  (r'mlp/(up|gate)/bias$', ('tensor',)),
  (r'mlp/down/kernel$', ('tensor', None)),
)


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
  if mesh.shape['tensor'] > 1:
    require_matches(
      'sharding rule', [pattern for pattern, _ in rules], [*named_leaves(state)]
    )

  def sharding(name, leaf):
    axes = _by_rule(name, leaf, mesh, rules)
    axes = _with_fsdp(name, leaf, mesh, axes, min_size)
    return NamedSharding(mesh, PartitionSpec(*axes))

  return map_named(sharding, state)


def _stacked(name: str) -> bool:
  """Whether a leaf holds all layers of a scan along its first axis."""
  return 'blocks' in name.split('/')


def _by_rule(name, leaf, mesh, rules) -> list[str | None]:
  for pattern, axes in rules:
    if not re.search(pattern, name):
      continue
    axes = [*([None] if _stacked(name) else []), *axes]
    if len(axes) == leaf.ndim and all(
      axis is None or size % mesh.shape[axis] == 0
      for size, axis in zip(leaf.shape, axes, strict=True)
    ):
      return axes
    # Factored optimisers keep sums over some of a parameter's axes.
    if name.startswith('params/'):
      raise InputError(
        f'{name} of shape {leaf.shape} cannot be split as {axes} over '
        f'{dict(mesh.shape)}'
      )
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
