"""How large every encoder and fusion is: parameters, FLOPs, memory.

Each runs forward and backward on 8 examples of the sizes below. FLOPs are those
of one example, counted from the program (products and convolutions); memory is
what XLA needs for 8 beside parameters and input, on a CPU in float32. Nothing
runs, it is only compiled.

  python benchmarks/size.py
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mmjax import encoders
from mmjax.layers import LogMel, TextDoor
from mmjax.train.config import load_config
from mmjax.train.flops import count_flops
from mmjax.types import Tokens
from zoo import zoo

EXAMPLES = 8
TRANSFORMER: dict[str, Any] = {'width': 192, 'depth': 4, 'heads': 3}
PARITY = Path(__file__).parents[1] / 'configs' / 'parity.py'


class Case(NamedTuple):
  """What is measured: a module on an array and its mask, or on tokens."""

  name: str
  takes: str
  module: Any
  inputs: tuple[Any, ...]


def inputs() -> dict[str, tuple[Any, Any]]:
  """Array and mask of each modality."""
  b = EXAMPLES

  def pair(shape, dtype=jnp.float32, axes=1):
    return jnp.ones(shape, dtype), jnp.ones(shape[:axes], bool)

  numeric, categorical = jnp.ones((b, 8)), jnp.ones((b, 4), int)
  return {
    'image 64 x 64': pair((b, 64, 64, 3)),
    'text of 64 tokens': pair((b, 64), int, 2),
    'audio of 1 s': pair((b, 16_000), axes=2),
    'sensor 128 x 6': pair((b, 128, 6), axes=2),
    'video 8 x 64 x 64': pair((b, 8, 64, 64, 3), axes=2),
    'table 8 + 4': (
      {'numeric': numeric, 'categorical': categorical},
      {'numeric': numeric > 0, 'categorical': categorical > 0},
    ),
  }


def cases() -> Iterator[Case]:
  """Every encoder, then every fusion."""
  image, text, audio, sensor, video, table = inputs().items()
  e = encoders
  for (takes, given), modules in (
    (
      image,
      {
        'ViT': e.ViT(patch_size=8, **TRANSFORMER),
        'ConvolutionalEncoder': e.ConvolutionalEncoder(),
        'ConvNet': e.ConvNet(),
        'ResNet 18': e.resnet18(),
        'ResNet 34': e.resnet34(),
        'ResNet 50': e.resnet50(),
      },
    ),
    (
      text,
      {
        'TextTransformer': e.TextTransformer(**TRANSFORMER),
        'Recurrent (LSTM)': e.Recurrent(door=TextDoor(width=64)),
        'BagOfVectors': e.BagOfVectors(),
      },
    ),
    (
      audio,
      {
        'AudioSpectrogramTransformer': e.AudioSpectrogramTransformer(
          **TRANSFORMER
        ),
        'AudioConvNet': e.AudioConvNet(),
        'WaveformConvNet': e.WaveformConvNet(),
        'Recurrent (GRU)': e.Recurrent(door=LogMel(), cell='gru'),
      },
    ),
    (
      sensor,
      {
        'SensorTransformer': e.SensorTransformer(**TRANSFORMER),
        'Recurrent (LSTM, both)': e.Recurrent(directions='both'),
      },
    ),
    (
      video,
      {
        'VideoTransformer': e.VideoTransformer(**TRANSFORMER),
        'VideoTransformer, factorised': e.VideoTransformer(
          attention='factorised', **TRANSFORMER
        ),
      },
    ),
    (
      table,
      {'TabularEncoder': e.TabularEncoder(categories=(7,) * 4, **TRANSFORMER)},
    ),
  ):
    for name, module in modules.items():
      yield Case(name, takes, module, given)
  config = load_config(PARITY)
  tokens = {
    name: Tokens(jnp.ones((EXAMPLES, 16, 192)), jnp.ones((EXAMPLES, 16), bool))
    for name in config.model.encoders
  }
  for name, way in zoo(config, width=192).items():
    yield Case(name, '2 x 16 tokens', way.fusion, (tokens,))


def measure(case: Case) -> dict[str, float]:
  """Traces and compiles one."""
  key = jax.random.key(0)
  variables = jax.eval_shape(case.module.init, key, *case.inputs)

  def loss(params, inputs):
    rest = {k: v for k, v in variables.items() if k != 'params'}
    out = case.module.apply({'params': params, **rest}, *inputs)
    return jnp.where(out.mask[..., None], out.x, 0.0).sum()

  step = jax.jit(jax.grad(loss))
  traced = step.trace(variables['params'], case.inputs)
  memory = traced.lower().compile().memory_analysis()
  leaves = jax.tree.leaves(variables['params'])
  return {
    'parameters': int(sum(np.prod(x.shape) for x in leaves)),
    'flops': count_flops(traced.jaxpr) / EXAMPLES,
    'bytes': memory.temp_size_in_bytes,
  }


def main() -> None:
  """Prints the table and one JSON line."""
  argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  ).parse_args()
  print('| module | takes | parameters | MFLOP an example | memory, MiB |')
  print('|---|---|---|---|---|')
  found = {}
  for case in cases():
    row = found[case.name] = measure(case)
    print(
      f'| {case.name} | {case.takes} | {row["parameters"]:,} | '
      f'{row["flops"] / 1e6:,.1f} | {row["bytes"] / 2**20:.1f} |',
      flush=True,
    )
  print(json.dumps(found))


if __name__ == '__main__':
  main()
