"""The shipped stamps model against classic baselines, over several seeds.

Trains `configs/stamps.py` once for each seed (a run that is finished already is
only scored again) and prints the means on the fixed test split.

  python benchmarks/stamps.py --workdir runs/stamps_seeds [--seeds 0 1 2]
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmjax.train.config import load_config
from mmjax.train.loop import train

CONFIG = Path(__file__).parents[1] / 'configs' / 'stamps.py'
# What `stamps_baselines.py` prints.
BASELINES = {
  'eval/fused/accuracy': 0.661,
  'eval/fused_languages/accuracy': 0.746,
  'eval/language/accuracy': 0.998,
  'eval/audio_to_text/recall_at_10': 0.253,
}
NAMES = (
  'eval/fused/accuracy',
  'eval/fused_languages/accuracy',
  'eval/image/accuracy',
  'eval/text/accuracy',
  'eval/audio/accuracy',
  'eval/language/accuracy',
  'eval/audio_to_text/recall_at_10',
  'eval/audio_to_text/chance_at_10',
)


def measure(
  workdir: Path, seeds: Sequence[int], options: Sequence[str]
) -> Mapping[str, Sequence[float]]:
  """Results of each seed, by name."""
  results = []
  for seed in seeds:
    config = load_config(CONFIG, ['--seed', str(seed), *options])
    results.append(train(config, workdir / str(seed), source=CONFIG))
  return {name: [result[name] for result in results] for name in NAMES}


def main() -> None:
  """Prints the table and one JSON line."""
  parser = argparse.ArgumentParser(
    description=__doc__.splitlines()[0],
    epilog='All other options go to the config, such as --data.cache FOLDER.',
  )
  parser.add_argument('--workdir', type=Path, required=True)
  parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
  args, options = parser.parse_known_args()
  rows = measure(args.workdir, args.seeds, options)
  print(f'| test split, {len(args.seeds)} seeds | mean | spread | baseline |')
  print('|---|---|---|---|')
  for name, values in rows.items():
    baseline = BASELINES.get(name)
    beside = '' if baseline is None else f'{baseline:.3f}'
    print(
      f'| `{name}` | {np.mean(values):.3f} | '
      f'{min(values):.3f} to {max(values):.3f} | {beside} |'
    )
  print(json.dumps(rows))


if __name__ == '__main__':
  main()
