"""Every fusion in the same model on the same data, seed by seed.

Trains a config's encoders with each fusion of the zoo and a head on it, nothing
else, and scores the test split: accuracy; accuracy with modalities missing
(mean of all sets but the whole); relative robustness to noise (mean of
modalities); parameters of fusion and head. Each is the mean over seeds with the
standard deviation. The time of a step comes first, as a multiple of the first
fusion's: all take turns, and the medians are compared.

  python benchmarks/fusion.py --config configs/parity.py
  python benchmarks/fusion.py --config configs/digits.py --seeds 0 1 2

What is done is kept in `--out`, so that a run that was stopped goes on.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from mmjax.data import pipeline
from mmjax.main import keep_compiled
from mmjax.train.config import Config, load_config
from mmjax.train.loop import evaluate_last, train
from mmjax.train.program import make_program
from zoo import Way, vary, zoo

ROOT = Path(__file__).parents[1]
TURNS = 20


def measure(config: Config, source: Path) -> dict[str, float]:
  """Trains and scores one."""
  with tempfile.TemporaryDirectory() as folder:
    workdir = Path(folder)
    train(config, workdir, source=source)
    found = dict(evaluate_last(config, workdir))
    table = workdir / 'report' / 'robustness.json'
    robust = json.loads(table.read_text()) if table.exists() else None
  names = tuple(config.model.encoders)
  subsets = [
    '+'.join(subset)
    for size in range(1, len(names))
    for subset in itertools.combinations(names, size)
  ]
  batch = next(iter(pipeline.eval_batches(config.data, 'test', batch_size=1)))
  params = jax.eval_shape(config.model.init, jax.random.key(0), batch)['params']
  own = {k: v for k, v in params.items() if k.startswith(('fusion', 'heads'))}
  accuracies = [found[f'eval/{subset}/accuracy'] for subset in subsets]
  return {
    'accuracy': found['eval/fused/accuracy'],
    'missing': float(np.mean(accuracies)),
    **{name: found[f'eval/{name}/accuracy'] for name in names},
    'noise': float('nan')
    if robust is None
    else float(np.mean([x['relative'] for x in robust['noise'].values()])),
    'parameters': sum(x.size for x in jax.tree.leaves(own)),
  }


def step_seconds(config: Config, ways: Mapping[str, Way]) -> dict[str, float]:
  """Median time of a training step with each fusion, which take turns."""
  batch = next(
    iter(
      pipeline.train_batches(
        config.data, batch_size=config.batch_size, seed=config.seed
      )
    )
  )
  programs = {
    name: make_program(vary(config, w, 0)) for name, w in ways.items()
  }
  states = {name: program.init() for name, program in programs.items()}
  taken: dict[str, list[float]] = {name: [] for name in ways}
  for turn in range(TURNS + 1):
    for name, program in programs.items():
      placed = program.place(batch)
      start = time.perf_counter()
      states[name], _ = jax.block_until_ready(
        program.step(states[name], placed)
      )
      # The first one compiles.
      if turn:
        taken[name].append(time.perf_counter() - start)
  return {name: float(np.median(each)) for name, each in taken.items()}


def runs(
  config: Config, source: Path, seeds: Sequence[int], out: Path
) -> Iterator[tuple[str, list[dict[str, float]]]]:
  """Name and results by seed, as they come; what `out` has is not run again."""
  kept = {}
  if out.exists():
    for line in map(json.loads, out.read_text().splitlines()):
      kept[line['config'], line['fusion'], line['seed']] = line['found']
  out.parent.mkdir(parents=True, exist_ok=True)
  for name, way in zoo(config).items():
    rows = []
    for seed in seeds:
      key = (f'{source.stem} {config.steps}', name, seed)
      if key not in kept:
        kept[key] = measure(vary(config, way, seed), source)
        line = dict(zip(('config', 'fusion', 'seed'), key, strict=True))
        with out.open('a') as file:
          file.write(json.dumps({**line, 'found': kept[key]}) + '\n')
        print(*key, kept[key], file=sys.stderr, flush=True)
      rows.append(kept[key])
    yield name, rows


def _cell(rows: Sequence[Mapping[str, float]], name: str) -> str:
  values = [row[name] for row in rows]
  if np.isnan(values).all():
    return '-'
  spread = f' ± {np.std(values, ddof=1):.3f}' if len(values) > 1 else ''
  return f'{np.mean(values):.3f}{spread}'


def main() -> None:
  """Prints the table and one JSON line."""
  parser = argparse.ArgumentParser(
    description=__doc__.splitlines()[0],
    epilog='All other options go to the config, such as --steps 300.',
  )
  parser.add_argument('--config', type=Path, required=True)
  parser.add_argument('--seeds', type=int, nargs='+', default=[0])
  parser.add_argument(
    '--out', type=Path, default=ROOT / 'runs' / 'fusion.jsonl'
  )
  args, options = parser.parse_known_args()
  keep_compiled()
  config = load_config(args.config, options)
  seconds = step_seconds(config, zoo(config))
  first = next(iter(seconds.values()))
  names = list(config.model.encoders)
  alone = ' | '.join(f'{name} alone' for name in names)
  print(
    f'| {args.config.stem}, {config.steps} steps | accuracy | {alone} | '
    f'a modality missing | noise | parameters | step / {first * 1e3:.0f} ms |'
  )
  print('|---' * (len(names) + 6) + '|')
  found = {}
  for name, rows in runs(config, args.config, args.seeds, args.out):
    found[name] = rows
    cells = [_cell(rows, k) for k in ('accuracy', *names, 'missing', 'noise')]
    print(
      f'| {name} | {" | ".join(cells)} | {rows[0]["parameters"]:,} | '
      f'{seconds[name] / first:.2f} |',
      flush=True,
    )
  print(json.dumps({'seconds': seconds, 'found': found}))


if __name__ == '__main__':
  main()
