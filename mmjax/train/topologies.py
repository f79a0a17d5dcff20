"""Slices of TPUs that can be planned for without having one.

The compiler for TPUs, libtpu, needs no TPU, but knows no list of what there is
to rent. Shapes, memory and interconnect are those of
https://cloud.google.com/tpu/docs/v5e, .../v5p and .../v6e.
"""

import contextlib
import dataclasses
import importlib.util
import math
import os
import re
from typing import Any

import jax
from jax.experimental import topologies
from jax.experimental.compilation_cache import compilation_cache

from mmjax.train.hardware import peak_flops
from mmjax.types import InputError

INSTALL = "pip install 'mmjax[plan]'"
_SQUARES = ('1x1', '2x2', '2x4', '4x4', '4x8', '8x8', '8x16', '16x16')
_CUBES = (
  '2x2x1', '2x2x2', '2x2x4', '2x4x4', '4x4x4', '4x4x8', '4x8x8', '8x8x8',
  '8x8x16', '8x16x16', '16x16x16', '16x16x24',
)  # fmt: skip
_CHIPS_PER_HOST = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chip:
  """One TPU chip, which JAX sees as one device."""

  kind: str
  """JAX's `device_kind`."""
  hbm: int
  """Bytes of memory that the compiler gives to programs; it keeps some."""
  interconnect: float
  """Bytes a second that all links to other chips carry in one direction."""
  flops_per_cycle: int
  """Of all matrix units, bfloat16: side² x 2 x units."""
  accelerator: str
  """Name of a slice's type, with `{}` for its size."""
  shapes: tuple[str, ...]
  """Slices that there are."""

  @property
  def peak_flops(self) -> float:
    """FLOP/s, bfloat16."""
    peak = peak_flops(self.kind)
    assert peak is not None, self.kind
    return peak

  @property
  def clock(self) -> float:
    """Cycles a second, as the peak implies."""
    return self.peak_flops / self.flops_per_cycle


CHIPS = {
  'v5e': Chip(
    kind='TPU v5 lite',
    hbm=int(15.75 * 2**30),
    interconnect=200e9,
    flops_per_cycle=4 * 128 * 128 * 2,
    accelerator='v5litepod-{}',
    shapes=_SQUARES,
  ),
  'v5p': Chip(
    kind='TPU v5',
    hbm=int(95.74 * 2**30),
    interconnect=600e9,
    flops_per_cycle=8 * 128 * 128 * 2,
    accelerator='v5p-{}',
    shapes=_CUBES,
  ),
  'v6e': Chip(
    kind='TPU v6 lite',
    hbm=int(31.25 * 2**30),
    interconnect=400e9,
    flops_per_cycle=4 * 256 * 256 * 2,
    accelerator='v6e-{}',
    shapes=_SQUARES,
  ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Topology:
  """Devices to plan for: a slice of TPUs, or CPUs that JAX pretends to have."""

  name: str
  """As in `--plan`: `v5e:4x4`, `cpu:8`."""
  chip: Chip | None
  """None for CPUs."""
  shape: tuple[int, ...]
  """Devices along each side."""

  @property
  def size(self) -> int:
    """Number of devices."""
    return math.prod(self.shape)

  @property
  def hosts(self) -> int:
    """Number of machines, and so of processes that training takes."""
    return 1 if self.chip is None else -(-self.size // _CHIPS_PER_HOST)

  @property
  def limit(self) -> int:
    """Bytes that a program may use on each device."""
    if self.chip is not None:
      return self.chip.hbm
    # They share the memory of this machine.
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // self.size

  def larger(self) -> str | None:
    """The next larger slice of the same chips."""
    if self.chip is None:
      return None
    family, shape = self.name.split(':')
    after = self.chip.shapes[self.chip.shapes.index(shape) + 1 :]
    return f'{family}:{after[0]}' if after else None

  def prepare(self) -> None:
    """Chooses JAX's devices; must run before JAX looks for any.

    Raises:
      InputError: the compiler is not installed.
    """
    if self.chip is not None and importlib.util.find_spec('libtpu') is None:
      raise InputError(f'--plan {self.name} needs libtpu: {INSTALL}')
    # The host computes on its CPU, and leaves any accelerator alone.
    if jax.config.values['jax_platforms'] != 'cpu':
      jax.config.update('jax_platforms', 'cpu')
    # What is planned has to be compiled, not remembered. JAX looks at the
    # setting once, so it is made to look again.
    jax.config.update('jax_enable_compilation_cache', False)
    compilation_cache.reset_cache()
    if self.chip is None:
      # Where JAX has started, `devices` says whether there are enough.
      with contextlib.suppress(RuntimeError):
        jax.config.update('jax_num_cpu_devices', self.size)

  def devices(self) -> list[Any]:
    """The devices; those of a TPU slice can be compiled for, no more.

    Raises:
      InputError: JAX has started already, with fewer CPUs.
    """
    if self.chip is None:
      devices = jax.devices('cpu')
      if len(devices) < self.size:
        raise InputError(
          f'--plan {self.name} found JAX with {len(devices)} CPU devices'
        )
      return devices[: self.size]
    # Cores, not chips, give a slice of v5p its name.
    size = self.size * (2 if self.name.startswith('v5p') else 1)
    os.environ.update(
      TPU_SKIP_MDS_QUERY='1',
      TPU_WORKER_HOSTNAMES='localhost',
      TPU_ACCELERATOR_TYPE=self.chip.accelerator.format(size),
      ALLOW_MULTIPLE_LIBTPU_LOAD='1',
    )
    alone = {'chips_per_host_bounds': (1, 1, 1)} if self.size == 1 else {}
    return topologies.get_topology_desc(
      platform='tpu', topology_name=self.name, **alone
    ).devices


def find(name: str) -> Topology:
  """The topology of that name.

  >>> find('v5p:2x2x4').size
  16

  Raises:
    InputError: there is none; the message lists all.
  """
  family, _, shape = name.partition(':')
  if family == 'cpu' and re.fullmatch(r'[1-9]\d{0,3}', shape):
    return Topology(name=name, chip=None, shape=(int(shape),))
  if family in CHIPS and shape in CHIPS[family].shapes:
    sides = tuple(int(side) for side in shape.split('x'))
    return Topology(name=name, chip=CHIPS[family], shape=sides)
  known = '; '.join(
    ' '.join(f'{family}:{shape}' for shape in chip.shapes)
    for family, chip in CHIPS.items()
  )
  raise InputError(
    f'there is no topology {name!r}: there are {known}; and cpu:N, for N CPU '
    f'devices'
  )
