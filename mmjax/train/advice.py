"""Options that save memory, for a run that does not fit its devices."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax

from mmjax.train.config import Config
from mmjax.train.mesh import BATCH_AXES, MeshShape, make_mesh
from mmjax.train.program import Program
from mmjax.train.sharding import state_shardings

_REMAT_AFTER = {'none': 'projections', 'projections': 'full'}


class Advice(NamedTuple):
  """Options, and what they take.

  Attributes:
    options: as on the command line.
    price: in words.
    saves: bytes on each device, where that is known before compiling.
  """

  options: str
  price: str
  saves: int | None = None


def advise(config: Config, program: Program, *, missing: int) -> list[Advice]:
  """What to turn, the cheapest first; only what this config can turn.

  First what leaves the result of training as it is, by the time that it costs,
  then what does not. What saves less than a hundredth of what is missing is
  left out.

  Args:
    config: the run.
    program: what it compiles to.
    missing: bytes that each device lacks.
  """
  mesh, batch = program.mesh, config.batch_size
  parts = math.prod(mesh.shape[axis] for axis in BATCH_AXES)
  found = [*_fsdp(config, program, missing)]
  modules = [*_remat(config.model, '--model')]
  for now, price in (
    ('none', 'activations are computed twice, all but the projections'),
    ('projections', 'activations are computed twice, a third more time'),
  ):
    # Who keeps everything today can go all the way tomorrow.
    options = [
      f'{path} {_REMAT_AFTER[now]}'
      for path, remat in modules
      if remat == now or remat == 'none'
    ]
    if options:
      found.append(Advice(' '.join(options), price))
  if batch % (2 * config.accumulate * parts) == 0:
    found.append(
      Advice(
        f'--accumulate {2 * config.accumulate}',
        'each micro-batch runs forward twice, a third more time'
        if config.accumulate == 1
        else 'more and smaller steps in each step',
      )
    )
  params = bytes_per_device(program.state.params)
  if config.ema_decay:
    found.append(Advice('--ema-decay 0', 'no averaged parameters', params))
  optimizer = config.optimizer
  if getattr(optimizer, 'moment_dtype', None) == 'float32' and getattr(
    optimizer, 'momentum', True
  ):
    found.append(
      Advice(
        '--optimizer.moment-dtype bfloat16',
        'the first moment is rounded',
        params // 2,
      )
    )
  if batch % (2 * parts * config.accumulate) == 0:
    found.append(
      Advice(
        f'--batch-size {batch // 2}', 'another training: half the examples'
      )
    )
  worth = missing / 100
  return [one for one in found if one.saves is None or one.saves >= worth]


def bytes_per_device(tree: Any) -> int:
  """Bytes of a tree of shapes that one device holds."""
  return sum(
    math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize
    for leaf in jax.tree.leaves(tree)
  )


def _fsdp(config: Config, program: Program, missing: int) -> Iterator[Advice]:
  """The fewest devices that make room, or all if even they do not."""
  mesh, state = program.mesh, program.state
  before, best = bytes_per_device(state), None
  total = mesh.shape['data'] * mesh.shape['fsdp']
  for fsdp in range(mesh.shape['fsdp'] + 1, total + 1):
    if total % fsdp:
      continue
    shape = MeshShape(fsdp=fsdp, tensor=mesh.shape['tensor'])
    shardings = state_shardings(
      state,
      make_mesh(shape, list(mesh.devices.flat)),
      rules=config.sharding_rules,
      min_size=config.fsdp_min_size,
    )
    after = bytes_per_device(
      jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
        state,
        shardings,
      )
    )
    if best is None or before - after > best[1]:
      best = fsdp, before - after
    if best[1] >= missing:
      break
  if best is not None and best[1] > 0:
    strategy = '' if config.strategy == 'jit' else '--strategy jit '
    yield Advice(
      f'{strategy}--mesh.fsdp {best[0]}',
      'parameters travel in every step',
      best[1],
    )


def _remat(value: Any, path: str) -> Iterator[tuple[str, str]]:
  """Options named `remat` in a tree of modules, and their values."""
  if isinstance(value, Mapping):
    for key, inner in value.items():
      yield from _remat(inner, f'{path}.{key}')
  elif dataclasses.is_dataclass(value) and not isinstance(value, type):
    for field in dataclasses.fields(value):
      inner = getattr(value, field.name)
      name = f'{path}.{field.name.replace("_", "-")}'
      if field.name == 'remat':
        yield name, inner
      elif field.name not in ('parent', 'name'):
        yield from _remat(inner, name)
