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

  The embeddings of all examples in float32, and of each pair and direction the
  similarities; and the gradients of both.
  """
  embeddings = pairs * chips * per_chip * width * 4
  similarities = 2 * pairs * per_chip * chips * per_chip * 4
  return 2 * (embeddings + similarities)


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
    print(
      f'| {row["topology"].split(":")[1]} | {row["fsdp"]} '
      f'| {args.per_chip * chips} | {row["flops_per_chip"] / 1e12:.3f} '
      f'| {hbm["arguments"] / MIB:.0f} | {hbm["temporaries"] / MIB:.0f} '
      f'| {hbm["total"] / MIB:.0f} | {more / MIB:.1f} '
      f'| {row["estimated_cycles"] / 1e6:.0f} | {row["mfu"]:.1%} '
      f'| {row["compile_seconds"]:.0f} |'
    )
  last = rows[-2]
  found = {
    'flops_growth': last['flops_per_chip'] / first['flops_per_chip'] - 1,
    'hbm_growth_bytes': last['hbm']['total'] - first['hbm']['total'],
    'negatives_growth_bytes': last['negatives_bytes']
    - first['negatives_bytes'],
    'fsdp_saves_bytes': second['hbm']['arguments'] - split['hbm']['arguments'],
    # Parameters and two moments in float32, of which a sixteenth stays.
    'fsdp_should_save_bytes': round(first['parameters'] * 12 * (1 - 1 / 16)),
  }
  print(f"""
From {first['topology']} to {last['topology']} FLOPs per chip grow by \
{found['flops_growth']:.2%},
memory per chip by {found['hbm_growth_bytes'] / MIB:.1f} MiB, of which the \
negatives may take {found['negatives_growth_bytes'] / MIB:.1f} MiB.
FSDP over 16 chips takes {found['fsdp_saves_bytes'] / MIB:.0f} MiB off the \
arguments; the state's share is {found['fsdp_should_save_bytes'] / MIB:.0f} MiB.
""")
  print(json.dumps({**found, 'rows': rows}))


if __name__ == '__main__':
  main()
