"""Accuracy on the digits against what privacy costs, over seeds.

  python benchmarks/privacy.py [--runs runs/privacy] [--seeds 3]

A run that has ended is not trained again.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

import runs

ROOT = Path(__file__).parents[1]
NOISES = (16.0, 8.0, 1e-3)


def run(noise: float, seed: int, folder: Path) -> dict[str, float]:
  """The last evaluation of a run."""
  workdir = folder / f'noise{noise:g}_seed{seed}'
  found = runs.lines(workdir, 'eval')
  if not found:
    command = [sys.executable, str(ROOT / 'train.py')]
    command += ['--config', str(ROOT / 'configs' / 'digits_private.py')]
    command += ['--workdir', str(workdir), '--seed', str(seed)]
    command += ['--optimizer.noise-multiplier', str(noise)]
    # As likely as another: which noise was drawn is no secret here.
    command += ['--optimizer.seed', str(seed)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = runs.lines(workdir, 'eval')
  return found[-1]


def main() -> None:
  """Prints the table as it comes, and one JSON line."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--runs', type=Path, default=ROOT / 'runs' / 'privacy')
  parser.add_argument('--seeds', type=int, default=3)
  args = parser.parse_args()
  print('| noise | epsilon | accuracy | least | most |')
  print('|---|---|---|---|---|')
  rows = {}
  for noise in NOISES:
    found = [run(noise, seed, args.runs) for seed in range(args.seeds)]
    right = [one['fused/accuracy'] for one in found]
    epsilon = found[0]['epsilon']
    rows[noise] = {'epsilon': epsilon, 'accuracy': right}
    spent = f'{epsilon:.1f}' if epsilon < 1000 else 'none worth the name'
    print(
      f'| {noise:g} | {spent} | {statistics.mean(right):.3f} | '
      f'{min(right):.3f} | {max(right):.3f} |',
      flush=True,
    )
  print(json.dumps(rows))


if __name__ == '__main__':
  main()
