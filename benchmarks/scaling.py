"""What a step costs a chip as more chips share the work, from `--plan`.

Plans `configs/scaling.py` (image, text and audio towers of size B, contrasted
pair by pair; generated data) for slices of TPU v5e, each chip with the same
number of examples, and once more with the parameters split (FSDP). The compiler
for TPUs does all the work; no TPU is needed.

  python benchmarks/scaling.py [--per-chip N] [--config FILE]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ROWS = (('v5e:2x2', 1), ('v5e:4x4', 1), ('v5e:16x16', 1), ('v5e:4x4', 16))
MIB = 2**20


def plan(config: Path, topology: str, fsdp: int, per_chip: int) -> Any:
  """One plan, compiled in a process of its own."""
  sides = topology.split(':')[1].split('x')
  chips = int(sides[0]) * int(sides[1])
  with tempfile.TemporaryDirectory() as folder:
    done = subprocess.run(
      [
        *(sys.executable, str(ROOT / 'train.py'), '--config', str(config)),
        *('--workdir', folder, '--plan', topology),
        *('--batch-size', str(per_chip * chips), '--mesh.fsdp', str(fsdp)),
      ],
      stdout=subprocess.PIPE,
      text=True,
      check=True,
    )
  return json.loads(done.stdout.splitlines()[-1]) | {'fsdp': fsdp}


def negatives(per_chip: int, chips: int, *, pairs: int = 3, width: int) -> int:
  """Bytes that comparing a chip's examples with all others may take.

  In float32, for each pair in both directions: the embeddings of all examples
  and the similarities to them, and the gradients of both.
  """
  examples = per_chip * chips
  return 2 * pairs * 2 * (examples * width + per_chip * examples) * 4


def show(value: float | None, text: str) -> str:
  """A cell; what a program that does not fit never told is a dash."""
  return '-' if value is None else text.format(value)


def main() -> None:
  """Prints the table and one JSON line."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    '--config', type=Path, default=ROOT / 'configs' / 'scaling.py'
  )
  parser.add_argument('--per-chip', type=int, default=32)
  args = parser.parse_args()
  rows = [plan(args.config, *row, args.per_chip) for row in ROWS]
  first, second, *_, split = rows
  print(
    '| v5e | FSDP | batch | TFLOP a chip | arguments, MiB | temporaries, MiB | '
    'total, MiB | negatives, MiB | M cycles | MFU | compiled in, s |'
  )
  print('|---' * 11 + '|')
  for row in rows:
    hbm, chips = row['hbm'], row['devices']
    more = negatives(args.per_chip, chips, width=512)
    row['negatives_bytes'] = more
    tera, mega = row['flops_per_chip'], row['estimated_cycles']
    cells = (
      row['topology'].split(':')[1],
      row['fsdp'],
      args.per_chip * chips,
      show(tera and tera / 1e12, '{:.3f}'),
      *(f'{hbm[x] / MIB:.0f}' for x in ('arguments', 'temporaries', 'total')),
      f'{more / MIB:.1f}',
      show(mega and mega / 1e6, '{:.0f}'),
      show(row['mfu'], '{:.1%}'),
      f'{row["compile_seconds"]:.0f}',
    )
    print('|', ' | '.join(map(str, cells)), '|', flush=True)
  last = rows[-2]
  growth = (
    last['flops_per_chip'] / first['flops_per_chip'] - 1
    if last['fits'] and first['fits']
    else None
  )
  found = {
    'flops_growth': growth,
    'hbm_growth_bytes': last['hbm']['total'] - first['hbm']['total'],
    'negatives_growth_bytes': last['negatives_bytes']
    - first['negatives_bytes'],
    'fsdp_saves_bytes': second['hbm']['arguments'] - split['hbm']['arguments'],
    # Parameters and two moments in float32, of which a sixteenth stays.
    'fsdp_should_save_bytes': round(first['parameters'] * 12 * (1 - 1 / 16)),
    'fsdp_saves_total_bytes': second['hbm']['total'] - split['hbm']['total'],
  }
  print(f"""
From {first['topology']} to {last['topology']} FLOPs per chip grow by \
{show(growth, '{:.2%}')},
memory per chip by {found['hbm_growth_bytes'] / MIB:.1f} MiB, of which the \
negatives may take {found['negatives_growth_bytes'] / MIB:.1f} MiB.
FSDP over 16 chips takes {found['fsdp_saves_bytes'] / MIB:.0f} MiB off the \
arguments; the state's share is {found['fsdp_should_save_bytes'] / MIB:.0f} MiB.
""")
  print(json.dumps({**found, 'rows': rows}))


if __name__ == '__main__':
  main()
