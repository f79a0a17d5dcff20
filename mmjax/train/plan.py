"""What a run would take on devices that one does not have.

The step that training would run is compiled for them ahead of time.
"""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
from rich.console import Console
from rich.table import Table

from mmjax.train.advice import Advice, advise, bytes_per_device
from mmjax.train.config import Config
from mmjax.train.costs import Costs, Traffic, count
from mmjax.train.logs import say
from mmjax.train.program import make_program
from mmjax.train.topologies import Topology

_UNITS = {'': 1, 'K': 2**10, 'M': 2**20, 'G': 2**30, 'T': 2**40}
_BYTES = r'([\d.]+)([KMGT]?)'
_USED = re.compile(rf'Used {_BYTES} of {_BYTES} hbm')
# It says temporaries, but counts arguments and results, too.
_EXCEEDS = re.compile(rf'\({_BYTES}\) exceeds available HBM \({_BYTES}\)')


class Memory(NamedTuple):
  """Bytes on each device.

  Attributes:
    arguments: the state and a batch; the next state takes their place.
    temporaries: what a step needs beside them.
    total: both, and results and code that take no argument's place.
    limit: what there is.
  """

  arguments: int
  temporaries: int
  total: int
  limit: int


def plan(config: Config, topology: Topology, workdir: Path) -> dict[str, Any]:
  """Compiles a run's step for a topology, and says what it takes.

  Args:
    config: the run.
    topology: its devices, which need not be there.
    workdir: where `plan.json` is written.

  Returns:
    What is in `plan.json`. What only a compiled program tells is None where the
    compiler ran out of memory, and estimates of time are None on CPUs.

  Raises:
    InputError: config, data and devices do not go together; nothing was
      written.
  """
  program = make_program(config, topology.devices())
  say(
    f'compiling the step for {topology.name}: {topology.size} devices of '
    f'{topology.hosts} host(s)'
  )
  lowered = program.lower()
  start, costs = time.monotonic(), None
  try:
    compiled = lowered.compile()
  except jax.errors.JaxRuntimeError as error:
    state = bytes_per_device(program.state)
    memory = parse_out_of_memory(str(error), arguments=state)
    if memory is None:
      raise
  else:
    costs = count(compiled.as_text() or '')
    memory = _memory(compiled.memory_analysis(), topology.limit)
  seconds = time.monotonic() - start
  fits = memory.total <= memory.limit
  model_flops = program.flops / topology.size
  cycles = None if costs is None else estimate_cycles(costs, topology)
  found = {
    'topology': topology.name,
    'devices': topology.size,
    'parameters': program.parameters,
    'flops_per_chip': None if costs is None else costs.flops,
    'model_flops_per_chip': model_flops,
    'hbm': memory._asdict(),
    'fits': fits,
    'collectives': None
    if costs is None
    else {kind: one._asdict() for kind, one in costs.collectives.items()},
    'compute_cycles': None if costs is None else costs.cycles,
    'estimated_cycles': cycles,
    'mfu': None
    if cycles is None or topology.chip is None
    else model_flops / (cycles * topology.chip.flops_per_cycle),
    'compile_seconds': round(seconds, 1),
  }
  advice = []
  if not fits:
    advice = advise(config, program, missing=memory.total - memory.limit)
    if topology.larger():
      advice.append(Advice(f'--plan {topology.larger()}', 'more chips'))
  found['advice'] = [one._asdict() for one in advice]
  workdir.mkdir(parents=True, exist_ok=True)
  (workdir / 'plan.json').write_text(json.dumps(found, indent=2) + '\n')
  _show(found, topology)
  return found


def estimate_cycles(costs: Costs, topology: Topology) -> int | None:
  """Cycles of a step: the compiler's estimates, then communication.

  A sum gets twice its payload past each link, anything else once. That no
  communication hides behind computation is pessimistic; that all links share it
  evenly is optimistic.
  """
  if topology.chip is None:
    return None
  none = Traffic(0, 0)
  sent = sum(traffic.bytes for traffic in costs.collectives.values())
  sent += costs.collectives.get('all-reduce', none).bytes
  seconds = sent / topology.chip.interconnect
  return round(costs.cycles + seconds * topology.chip.clock)


def parse_out_of_memory(message: str, *, arguments: int) -> Memory | None:
  """What XLA says when a program does not fit; None if it says anything else.

  >>> text = 'RESOURCE_EXHAUSTED: Used 20.00G of 15.75G hbm.'
  >>> parse_out_of_memory(text, arguments=2**30).temporaries / 2**30
  19.0

  Args:
    message: the text of the error.
    arguments: bytes of the state, for a message that does not tell arguments.
  """
  found = _USED.search(message) or _EXCEEDS.search(message)
  if 'RESOURCE_EXHAUSTED' not in message or found is None:
    return None
  total, limit = _bytes(*found.groups()[:2]), _bytes(*found.groups()[2:])
  told = re.search(rf'^\s*arguments\s+{_BYTES}', message, re.MULTILINE)
  arguments = _bytes(*told.groups()) if told else arguments
  return Memory(arguments, total - arguments, total, limit)


def _memory(analysis: Any, limit: int) -> Memory:
  arguments = analysis.argument_size_in_bytes
  temporaries = analysis.temp_size_in_bytes
  total = (
    arguments
    + temporaries
    + analysis.output_size_in_bytes
    - analysis.alias_size_in_bytes
    + analysis.generated_code_size_in_bytes
  )
  return Memory(arguments, temporaries, total, limit)


def _bytes(number: str, unit: str) -> int:
  return int(float(number) * _UNITS[unit])


def _show(found: dict[str, Any], topology: Topology) -> None:
  """Prints the plan as a table on standard error."""
  table = Table(title=f'a step on {topology.name}, for each device')
  table.add_column('what')
  table.add_column('how much', justify='right')

  def row(name: str, value: Any, show: Callable[[Any], str]) -> None:
    table.add_row(name, '-' if value is None else show(value))

  row('parameters of the model', found['parameters'], '{:,}'.format)
  row('FLOPs', found['flops_per_chip'], lambda n: f'{n / 1e12:,.4f} T')
  for name in Memory._fields:
    row(f'memory: {name}', found['hbm'][name], _mebibytes)
  for kind, traffic in (found['collectives'] or {}).items():
    row(f'{kind} x {traffic["count"]:,}', traffic['bytes'], _mebibytes)
  cycles, chip = found['estimated_cycles'], topology.chip
  if cycles is not None and chip is not None:
    row('estimated cycles', cycles, '{:,}'.format)
    row('estimated time', cycles / chip.clock, lambda s: f'{s * 1e3:,.1f} ms')
    row('MFU', found['mfu'], '{:.1%}'.format)
  row('compiled in', found['compile_seconds'], '{:,.1f} s'.format)
  Console(stderr=True, highlight=False).print(table)
  if found['fits']:
    return
  say('This does not fit. What to turn, the cheapest first:')
  for one in found['advice']:
    saves = ''
    if one['saves'] is not None:
      saves = f', saves {_mebibytes(one["saves"])}'
    say(f'  {one["options"]}  ({one["price"]}{saves})')


def _mebibytes(size: int) -> str:
  return f'{size / 2**20:,.1f} MiB'
