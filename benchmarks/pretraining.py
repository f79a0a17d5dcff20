"""What training without labels is worth before training with them.

Trains `configs/digits_pretrain.py`, then `configs/digits_finetune.py` from its
encoders and from fresh ones, for a few and for more steps, and scores the test
split.

  python benchmarks/pretraining.py [--seeds 0 1 2] [--steps 30 100 300]
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmjax.train.config import load_config
from mmjax.train.loop import train

CONFIGS = Path(__file__).parents[1] / 'configs'


def run(name: str, workdir: Path, options: Sequence[str]) -> dict[str, float]:
  """Trains a config and gives its last line."""
  source = CONFIGS / f'{name}.py'
  return train(load_config(source, [*options]), workdir, source=source)


def measure(seed: int, steps: Sequence[int]) -> list[dict]:
  """Rows of accuracies, one for each start and number of steps."""
  rows = []
  with tempfile.TemporaryDirectory() as folder:
    before = Path(folder) / 'pretrain'
    run('digits_pretrain', before, ['--seed', str(seed)])
    starts = {'pretrained': ['--warm-start.workdir', str(before)], 'fresh': []}
    for n in steps:
      for start, options in starts.items():
        told = ['--seed', str(seed), '--steps', str(n), *options]
        found = run('digits_finetune', Path(folder) / f'{start}{n}', told)
        row = {'start': start, 'steps': n, 'seed': seed}
        rows.append(row | {k: v for k, v in found.items() if 'accuracy' in k})
        print(rows[-1], file=sys.stderr, flush=True)
  return rows


def main() -> None:
  """Prints the table and one JSON line."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
  parser.add_argument('--steps', type=int, nargs='+', default=[30, 100, 300])
  args = parser.parse_args()
  rows = [row for seed in args.seeds for row in measure(seed, args.steps)]
  names = ('fused', 'image', 'text', 'audio')
  print(f'| steps | encoders | {" | ".join(names)} |')
  print('|---' * (len(names) + 2) + '|')
  for n in args.steps:
    for start in ('pretrained', 'fresh'):
      here = [r for r in rows if (r['steps'], r['start']) == (n, start)]
      found = [[r[f'eval/{name}/accuracy'] for r in here] for name in names]
      cells = [
        f'{np.mean(x):.3f} ± {np.std(x, ddof=1) if len(x) > 1 else 0:.3f}'
        for x in found
      ]
      print(f'| {n} | {start} | {" | ".join(cells)} |')
  print(json.dumps(rows))


if __name__ == '__main__':
  main()
