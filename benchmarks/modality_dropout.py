"""What modality dropout in training is worth when a modality is missing.

Trains the fused model of a config, classification alone, with the config's
`drop_modalities` and without, and scores the test split with every set of
modalities. What missing modalities cost is the accuracy with all of them minus
the mean accuracy without one.

  python benchmarks/modality_dropout.py [--config FILE] [--seeds 0 1 2]
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from mmjax.train.config import Config, load_config
from mmjax.train.loop import train
from zoo import Way, vary

ROOT = Path(__file__).parents[1]


def measure(config: Config, source: Path) -> dict[str, float]:
  """Trains and scores one: `all`, `without NAME` and `cost`."""
  with tempfile.TemporaryDirectory() as folder:
    found = train(config, Path(folder), source=source)
  names = list(config.model.encoders)
  left = {
    name: found[f'eval/{"+".join(n for n in names if n != name)}/accuracy']
    for name in names
  }
  whole = found['eval/fused/accuracy']
  return {
    'all': whole,
    **{f'without {name}': value for name, value in left.items()},
    'cost': whole - float(np.mean(list(left.values()))),
  }


def main() -> None:
  """Prints the table and one JSON line."""
  parser = argparse.ArgumentParser(
    description=__doc__.splitlines()[0],
    epilog='All other options go to the config, such as --steps 500.',
  )
  parser.add_argument(
    '--config', type=Path, default=ROOT / 'configs' / 'digits.py'
  )
  parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
  args, options = parser.parse_known_args()
  config = load_config(args.config, options)
  way = Way(config.model.fusion, config.model.heads['label'])
  found = {}
  for what, rates in (('with', config.drop_modalities), ('without', {})):
    found[what] = []
    for seed in args.seeds:
      one = vary(config, way, seed)
      one = dataclasses.replace(one, drop_modalities=rates, sweeps={})
      found[what].append(measure(one, args.config))
      print(what, seed, found[what][-1], file=sys.stderr, flush=True)
  columns = list(found['with'][0])
  print(f'| modality dropout | {" | ".join(columns)} |')
  print('|---' * (len(columns) + 1) + '|')
  for what, rows in found.items():
    cells = [
      f'{np.mean(x):.3f} ± {np.std(x, ddof=1) if len(x) > 1 else 0:.3f}'
      for x in ([row[name] for row in rows] for name in columns)
    ]
    print(f'| {what} | {" | ".join(cells)} |')
  print(json.dumps(found))


if __name__ == '__main__':
  main()
