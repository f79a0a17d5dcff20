"""How much of each modality the fused digits model uses.

Trains the fused model of `configs/digits.py`, and one model for each modality
that sees nothing else, and compares the accuracies on the test split. A tower
that the fusion neglects would show as a gap.

  python benchmarks/digits_towers.py [--steps N] [--seed S]
"""

import argparse
import dataclasses
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Config, load_config
from mmjax.train.loop import train

CONFIG = Path(__file__).parents[1] / 'configs' / 'digits.py'


def alone(config: Config, modality: str) -> Config:
  """The config with one encoder left, and its width in the fusion."""
  model = config.model
  pools = {modality: model.fusion.pools[modality]}
  return dataclasses.replace(
    config,
    model=model.clone(
      encoders={modality: model.encoders[modality]},
      fusion=model.fusion.clone(pools=pools),
      modality_heads={},
      alignment=None,
    ),
    objectives={'classify': Classification()},
    evaluators={'accuracy': Accuracy(name=modality)},
    drop_modalities={},
  )


def measure(config: Config) -> Mapping[str, Mapping[str, float]]:
  """Accuracy of the fused model, masked to a modality, and of it alone."""
  modalities = list(config.model.encoders)
  configs = {'fused': config} | {m: alone(config, m) for m in modalities}
  found = {}
  with tempfile.TemporaryDirectory() as folder:
    for name, one in configs.items():
      found[name] = train(one, Path(folder) / name, source=CONFIG)
  rows = {'fused': {'fused': found['fused']['eval/fused/accuracy']}}
  for name in modalities:
    key = f'eval/{name}/accuracy'
    rows[name] = {'masked': found['fused'][key], 'alone': found[name][key]}
  return rows


def main() -> None:
  """Prints the table and one JSON line."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--steps', type=int, default=None)
  parser.add_argument('--seed', type=int, default=0)
  args = parser.parse_args()
  options = ['--seed', str(args.seed)]
  if args.steps is not None:
    options += ['--steps', str(args.steps)]
  rows = measure(load_config(CONFIG, options))
  print('| modality | fused model, others masked | trained alone | gap |')
  print('|---|---|---|---|')
  for name, row in rows.items():
    if name != 'fused':
      masked, only = row['masked'], row['alone']
      print(f'| {name} | {masked:.3f} | {only:.3f} | {only - masked:+.3f} |')
  print(f'\nall together: {rows["fused"]["fused"]:.3f}')
  print(json.dumps(rows))


if __name__ == '__main__':
  main()
