"""Where arrays live: the mesh, the rules for parameters, the rows of a batch.

Models know nothing of this. A mesh has three axes: over `data` and `fsdp` the
batch is split; over `fsdp` large parameters, too, each device fetching what it
lacks when it needs it (ZeRO, https://arxiv.org/abs/1910.02054); over `tensor`
attention heads and the hidden layer of MLPs (Megatron-LM,
https://arxiv.org/abs/1909.08053).
"""

import dataclasses
import difflib
import math
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from mmjax.types import Batch, InputError

AXES = ('data', 'fsdp', 'tensor')
BATCH_AXES = ('data', 'fsdp')
Rules = tuple[tuple[str, tuple[str | None, ...]], ...]

TRANSFORMER_RULES: Rules = (
  (r'attention/(query|key|value)/kernel$', (None, 'tensor', None)),
  (r'attention/(query|key|value)/bias$', ('tensor', None)),
  (r'attention/out/kernel$', ('tensor', None, None)),
  (r'mlp/up/kernel$', (None, 'tensor')),
  (r'mlp/up/bias$', ('tensor',)),
  (r'mlp/down/kernel$', ('tensor', None)),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeshShape:
  """How many devices share each kind of work; the product is all of them."""

  data: int = -1
  """Devices that split the batch; -1 is whatever the others leave."""
  fsdp: int = 1
  """Devices that split the batch and large parameters and their optimiser."""
  tensor: int = 1
  """Devices that split attention heads and the hidden layer of each MLP."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    for name in AXES:
      size = getattr(self, name)
      if size < 1 and not (name == 'data' and size == -1):
        raise ValueError(f'mesh.{name} {size} is below 1')

  def sizes(self, devices: int) -> tuple[int, int, int]:
    """Sizes of `AXES` on so many devices.

    Raises:
      InputError: the axes do not multiply to the number of devices.
    """
    others = self.fsdp * self.tensor
    data = devices // others if self.data == -1 else self.data
    if data * others != devices:
      raise InputError(
        f'mesh data {self.data} x fsdp {self.fsdp} x tensor {self.tensor} does '
        f'not make up the {devices} devices'
      )
    return data, self.fsdp, self.tensor


def make_mesh(
  shape: MeshShape | None = None, devices: Sequence[jax.Device] | None = None
) -> Mesh:
  """The devices of all processes along `AXES`; along `data` by default.

  Raises:
    InputError: the shape does not make up the devices.
  """
  shape = MeshShape() if shape is None else shape
  devices = jax.devices() if devices is None else devices
  # Auto: under Explicit axes a product with the gathered side cannot trace.
  return jax.make_mesh(
    shape.sizes(len(devices)),
    AXES,
    axis_types=(AxisType.Auto,) * len(AXES),
    devices=devices,
  )


def replicated(mesh: Mesh) -> NamedSharding:
  """The sharding of what every device holds whole."""
  return NamedSharding(mesh, PartitionSpec())


def by_example(mesh: Mesh) -> NamedSharding:
  """The sharding that splits the first axis among those that split batches."""
  return NamedSharding(mesh, PartitionSpec(BATCH_AXES))


def check_batch_size(batch_size: int, mesh: Mesh, *, accumulate: int = 1):
  """Raises InputError unless devices and micro-batches share a batch equally."""
  parts = math.prod(mesh.shape[axis] for axis in BATCH_AXES)
  if batch_size % (parts * accumulate):
    pieces = f' in {accumulate} micro-batches' if accumulate > 1 else ''
    raise InputError(
      f'batch_size {batch_size} is not divisible by the {parts} devices that '
      f'split it{pieces}'
    )


def share_of_process(mesh: Mesh, process: int | None = None) -> tuple[int, int]:
  """Which share of every batch a process reads: its index, of how many.

  Processes whose devices split only parameters among them read the same share.

  Raises:
    InputError: the mesh gives the process rows that are no such share.
  """
  process = jax.process_index() if process is None else process
  rows = math.prod(mesh.shape[axis] for axis in BATCH_AXES)
  grid = mesh.devices.reshape(rows, -1)
  mine = [
    row for row in range(rows) if any(d.process_index == process for d in grid[row])
  ]
  first, count = mine[0], len(mine)
  if mine != list(range(first, first + count)) or first % count or rows % count:
    raise InputError(
      f'mesh {dict(mesh.shape)} gives process {process} the parts {mine} of '
      f'{rows} of a batch: let fsdp and tensor stay within a process'
    )
  return first // count, rows // count


def place(batch: Any, mesh: Mesh) -> Batch:
  """Makes a global batch of the rows that each process holds."""
  sharding = by_example(mesh)
  return jax.tree.map(
    lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)),
    batch,
  )


def prefetch(batches: Iterator[Any], place: Any, depth: int = 2):
  """Yields batches that `place` has put on devices, `depth` of them ahead."""
  queue: deque[Batch] = deque()
  for batch in batches:
    queue.append(place(batch))
    if len(queue) > depth:
      yield queue.popleft()
  yield from queue


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
  whole: list[str | None] = [None] * leaf.ndim
  for pattern, axes in rules:
    if not re.search(pattern, name):
      continue
    axes = [None] * _stacked(name) + list(axes)
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
  return whole


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
