"""What each shipped config takes, against what is written down.

    python benchmarks/budgets.py [NAME ...] [--write]

traces the train step of each config in `configs/` for one CPU, compiles it,
runs nothing, and compares parameters, floating-point operations and the memory
that the compiler sets aside with `tests/budgets.json`; `--write` writes them
there. Configs whose data is not here keep what they have. The tests compare
parameters and operations of all, and the memory of those that compile soonest.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jaxlib

from mmjax.train.config import Config, load_config
from mmjax.train.program import make_program
from mmjax.types import InputError

ROOT = Path(__file__).parents[1]
FILE = ROOT / 'tests' / 'budgets.json'
# Their model follows from a checkpoint, or from data of one's own: see
# clip_finetune_test and own_data_configs_test.
WITHOUT = ('clip_finetune', 'folder', 'manifest')
# What is generated at first and kept; a little of it has the same shapes.
FEW = ('--data.sentences', '8', '--data.evaluated', '8')
OPTIONS = {
  'talking': FEW,
  'talking_speech': FEW,
  'emotion': ('--data.people', '8', '--data.evaluated', '8'),
}
# In percent. Parameters are exact; the others may round with a new release.
TOLERANCE = {'parameters': 0.0, 'flops': 2.0, 'temporaries': 2.0}
# The compiler plans memory before it writes machine code, which takes most of
# its time and is not run here.
SOON = {'xla_backend_optimization_level': '0'}


def names() -> list[str]:
  """The configs that have a budget."""
  found = sorted(path.stem for path in (ROOT / 'configs').glob('*.py'))
  return [name for name in found if name not in WITHOUT]


def load(name: str) -> Config:
  """A config, with as little data as has its shapes."""
  file = ROOT / 'configs' / f'{name}.py'
  return load_config(file, list(OPTIONS.get(name, ())))


def read() -> dict[str, Any]:
  """What is written down: `configs`, and the `compiler` of their memory."""
  return json.loads(FILE.read_text()) if FILE.exists() else {'configs': {}}


def compiler() -> str:
  """Whose plans the bytes of temporaries are."""
  return f'jaxlib {jaxlib.__version__} for CPUs'


def measure(config: Config) -> dict[str, int]:
  """Parameters, FLOPs of a step, and bytes of temporaries, on one device.

  Raises:
    InputError: the config's data is not here.
  """
  program = make_program(config, jax.devices('cpu')[:1])
  compiled = program.lower().compile(compiler_options=SOON)
  return {
    'parameters': program.parameters,
    'flops': program.flops,
    'temporaries': compiled.memory_analysis().temp_size_in_bytes,
  }


def differences(name: str, found: Mapping[str, int]) -> list[str]:
  """A line for each figure that is not what is written down."""
  budget = read()['configs'].get(name, {})
  lines = []
  for figure, now in found.items():
    was = budget.get(figure)
    if was is None:
      lines.append(f'{name}: {figure} was not written down, is {now:,}')
      continue
    percent = 100 * (now - was) / was
    if abs(percent) > TOLERANCE[figure]:
      lines.append(
        f'{name}: {figure} was {was:,}, is {now:,} ({percent:+.2f} %)'
      )
  if lines:
    lines.append(f'If so meant: python benchmarks/budgets.py {name} --write')
  return lines


def write(found: Mapping[str, Mapping[str, int]]) -> None:
  """Writes figures down; those of other configs stay, if they still can."""
  before = read()
  configs: dict[str, Any] = {**before['configs'], **found}
  if before.get('compiler') != compiler():
    # Another compiler plans memory otherwise.
    for name in {*configs} - {*found}:
      kept = {k: v for k, v in configs[name].items() if k != 'temporaries'}
      configs[name] = kept
  # One line each, for a reader and for `git diff`.
  lines = [
    f'    {json.dumps(name)}: {json.dumps(configs[name])}'
    for name in sorted(configs)
    if name in names()
  ]
  head = f'{{\n  "compiler": {json.dumps(compiler())},\n  "configs": {{\n'
  FILE.write_text(head + ',\n'.join(lines) + '\n  }\n}\n')


def main(argv: Sequence[str] | None = None) -> int:
  """Prints a row for each config; 1 if one is not what is written down."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('names', nargs='*', metavar='NAME', help='of configs')
  parser.add_argument('--write', action='store_true', help='write them down')
  options = parser.parse_args(argv)
  unknown = sorted({*options.names} - {*names()})
  if unknown:
    parser.error(f'{unknown[0]!r} is none of {", ".join(names())}')
  found: dict[str, Any] = {}
  wrong: list[str] = []
  print('| config | parameters | GFLOP a step | MiB of temporaries | CPU s |')
  print('|---|---|---|---|---|')
  for name in options.names or names():
    start = time.process_time()
    try:
      found[name] = measure(load(name))
    except InputError as error:
      print(f'{name} is left out: {error}', file=sys.stderr, flush=True)
      continue
    jax.clear_caches()
    wrong += differences(name, found[name])
    one = found[name]
    print(
      f'| {name} | {one["parameters"]:,} | {one["flops"] / 1e9:,.2f} | '
      f'{one["temporaries"] / 2**20:,.1f} | '
      f'{time.process_time() - start:.0f} |',
      flush=True,
    )
    if options.write:
      write({name: one})
  print(json.dumps({'compiler': compiler(), **found}))
  if options.write:
    return 0
  print('\n'.join(wrong), file=sys.stderr)
  return 1 if wrong else 0


if __name__ == '__main__':
  sys.exit(main())
