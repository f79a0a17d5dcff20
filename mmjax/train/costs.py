"""What a compiled program costs each device, counted from its text.

XLA's own cost analysis takes the body of a loop once, so a model that is
scanned over layers seems to have only one. Here whatever is in a loop counts as
often as it runs. The text is one device's share of the program: what XLA does
not split over devices counts on each of them.
"""

import functools
import math
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from mmjax.train.hlo import Computation, Instruction, Module, bytes_of, parse

COLLECTIVES = (
  'all-gather',
  'all-reduce',
  'all-to-all',
  'collective-broadcast',
  'collective-permute',
  'ragged-all-to-all',
  'reduce-scatter',
)
_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_CALLED = re.compile(r'\b(?:calls|to_apply)=%?([\w.\-]+)')


class Traffic(NamedTuple):
  """Communication of one kind in a step.

  Attributes:
    count: how often.
    bytes: payload of a device in all of them: what it puts in or what it gets,
      whichever is more.
  """

  count: int
  bytes: int


class Costs(NamedTuple):
  """What one run of a program costs each device.

  Attributes:
    flops: of products and convolutions; a multiplication and an addition are
      two.
    cycles: the compiler's estimates, summed; communication has none. 0 where
      the compiler makes none, as that for CPUs.
    collectives: communication by kind.
  """

  flops: int
  cycles: int
  collectives: Mapping[str, Traffic]


def count(text: str) -> Costs:
  """Counts the costs of a program, from `compiled.as_text()`.

  A loop runs as often as its text or else the number in its condition says, and
  once where there is none. Of a conditional the costliest branch counts.
  """
  module = parse(text)

  @functools.cache
  def walk(name: str, fused: bool) -> Costs:
    computation = module.computations.get(name, {})
    return _sum(of(one, computation, fused) for one in computation.values())

  def of(one: Instruction, here: Computation, fused: bool) -> Costs:
    opcode = one.opcode.removesuffix('-start')
    # What is fused is estimated as a whole.
    found = _CYCLES.search(one.attributes)
    own = Costs(0, int(found[1]) if found and not fused else 0, {})
    if opcode == 'dot':
      return own._replace(flops=_product(one, here))
    if opcode == 'convolution':
      return own._replace(flops=_convolution(one, here))
    if opcode in COLLECTIVES and not _is_copy(one, here):
      traffic = Traffic(1, _payload(one, here))
      return own._replace(collectives={_kind(one, here): traffic})
    if opcode == 'while':
      names = one.attribute('body'), one.attribute('condition')
      turn = _sum(walk(name, fused) for name in names)
      return _sum([own, *[turn] * _trips(one, module)])
    if opcode == 'conditional':
      names = one.attribute('branch_computations') or ', '.join(
        one.attribute(f'{side}_computation') for side in ('true', 'false')
      )
      branches = [walk(n.lstrip('%'), fused) for n in names.split(', ')]
      return _sum([own, max(branches, key=lambda c: (c.flops, c.cycles))])
    inside = fused or opcode == 'fusion'
    called = _CALLED.findall(one.attributes)
    return _sum([own, *(walk(name, inside) for name in called)])

  return walk(module.entry, False)


def _sum(parts: Iterable[Costs]) -> Costs:
  flops, cycles, sent = 0, 0, {}
  for part in parts:
    flops += part.flops
    cycles += part.cycles
    for kind, (times, size) in part.collectives.items():
      before = sent.get(kind, Traffic(0, 0))
      sent[kind] = Traffic(before.count + times, before.bytes + size)
  return Costs(flops, cycles, sent)


def _trips(loop: Instruction, module: Module) -> int:
  known = _TRIPS.search(loop.attributes)
  if known:
    return int(known[1])
  # The program for TPUs says it only by what the counter, which starts at zero,
  # is compared with, and by what is added to it.
  condition = module.computations.get(loop.attribute('condition'), {})
  limit = max(_constants(condition, condition), default=1)
  compared = [
    condition[name].attribute('index')
    for one in condition.values()
    if one.opcode == 'compare'
    for name in one.operands
    if condition[name].opcode == 'get-tuple-element'
  ]
  body = module.computations.get(loop.attribute('body'), {})
  root = next((one for one in body.values() if one.is_root), None)
  step = 1
  if len(compared) == 1 and root is not None and root.opcode == 'tuple':
    counter = body[root.operands[int(compared[0])]]
    if counter.opcode == 'add':
      step = max(_constants(counter.operands, body), default=1)
  return -(-limit // max(step, 1))


def _constants(names: Iterable[str], here: Computation) -> list[int]:
  found = [here[name] for name in names if name in here]
  return [
    int(one.operands[0])
    for one in found
    if one.opcode == 'constant' and one.operands and one.operands[0].isdigit()
  ]


def _product(one: Instruction, here: Computation) -> int:
  left = here[one.operands[0]].shape
  axes = [int(n) for n in one.attribute('lhs_contracting_dims').split(',') if n]
  return 2 * math.prod(one.shape) * math.prod(left[axis] for axis in axes)


def _convolution(one: Instruction, here: Computation) -> int:
  """Counts only what meets neither padding nor the gaps of a dilation.

  The compiler for TPUs writes products with batch axes as convolutions over
  these axes, dilated so that each row meets but its own.
  """
  inputs, kernel, output = re.split('_|->', one.attribute('dim_labels'))
  left = dict(zip(inputs, here[one.operands[0]].shape, strict=True))
  right = dict(zip(kernel, here[one.operands[1]].shape, strict=True))
  out = dict(zip(output, one.shape, strict=True))
  window = dict(re.findall(r'(\w+)=(\S+)', one.attribute('window')))

  def values(name: str, default: str) -> list[str]:
    axes = sum(axis.isdigit() for axis in out)
    return window[name].split('x') if name in window else [default] * axes

  met = 1
  options = zip(
    values('stride', '1'),
    values('pad', '0_0'),
    values('lhs_dilate', '1'),
    values('rhs_dilate', '1'),
    strict=True,
  )
  for axis, (stride, pad, spread, gap) in enumerate(options):
    axis, spread = str(axis), int(spread)
    places = (
      np.arange(out[axis])[:, None] * int(stride)
      + np.arange(right[axis])[None] * int(gap)
      - int(pad.split('_')[0])
    )
    inside = (places >= 0) & (places <= (left[axis] - 1) * spread)
    met *= int((inside & (places % spread == 0)).sum())
  return 2 * out['b'] * out['f'] * right['i'] * met


def _is_copy(one: Instruction, here: Computation) -> bool:
  """Whether it only stands for one that was started elsewhere.

  On TPUs each fusion that runs beside a collective holds a copy of it.
  """
  return 'async_collective_fusion_config' in one.attributes and not any(
    'AsyncCollectiveStart' in other.attributes for other in here.values()
  )


def _kind(one: Instruction, here: Computation) -> str:
  kind = one.opcode.removesuffix('-start')
  root = next((i for i in here.values() if i.is_root), one)
  if kind == 'all-reduce' and root.opcode == 'dynamic-slice':
    # On TPUs a fusion of the two that keeps only a part of the sum.
    return 'reduce-scatter'
  return kind


def _payload(one: Instruction, here: Computation) -> int:
  inside = sum(
    bytes_of(here[name].type) for name in one.operands if name in here
  )
  outside = bytes_of(one.type)
  if one.opcode.endswith('-start'):
    outside -= inside  # It gives its operands back, too.
  return max(inside, outside)
