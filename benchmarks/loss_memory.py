"""Memory of losses: all pairs or all words at once, and in tiles.

    python benchmarks/loss_memory.py

compiles loss and gradient of contrastive losses at a batch of 16,384, and of
8,192 tokens of a vocabulary of 128,256, for one and for eight CPU devices, runs
nothing, and prints what the compiler sets aside on each device.
"""

import argparse
import functools
import json
import os

os.environ['JAX_PLATFORMS'] = 'cpu'
os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=8'

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding

from mmjax.objectives import Contrastive, NextToken, Sigmoid
from mmjax.train.by_device import over_devices
from mmjax.train.mesh import by_example, make_mesh, replicated

PAIR = (('image', 'text'),)
TEXTS = 16, 512
MIB = 2**20


def of_pairs(objective, size: int, width: int, devices: int) -> float:
  """MiB of a contrastive loss."""
  mesh = make_mesh(devices=jax.devices()[:devices])
  rows, whole = by_example(mesh), replicated(mesh)

  def total(embeddings, shared, batch):
    outputs = {'embeddings': embeddings, 'shared': shared}
    return summed(objective, outputs, batch, mesh)

  embeddings = {name: array(rows, size, width) for name in PAIR[0]}
  shared = {'logit_scale': array(whole), 'logit_bias': array(whole)}
  masks = {name: array(rows, size, dtype=bool) for name in embeddings}
  batch = {'mask': masks, 'weight': array(rows, size)}
  return temporaries(total, (rows, whole), embeddings, shared, batch)


def of_words(objective, size: int, width: int, devices: int) -> float:
  """MiB of the loss of 16 texts of 512 tokens each, the logits included."""
  mesh = make_mesh(devices=jax.devices()[:devices])
  rows, whole = by_example(mesh), replicated(mesh)

  def total(x, table, batch):
    if objective.tile is None:
      outputs = {'logits': {'logits': x @ table.T}}
    else:
      outputs = {
        'logits': {},
        'unscored': {'logits': x},
        'shared': {'scorers': {'logits': {'table': table}}},
      }
    return summed(objective, outputs, batch, mesh)

  batch = {
    'text': array(rows, *TEXTS, dtype=jnp.int32),
    'mask': {'text': array(rows, *TEXTS, dtype=bool)},
    'weight': array(rows, TEXTS[0]),
  }
  x, table = array(rows, *TEXTS, width), array(whole, size, width)
  return temporaries(total, (rows, whole), x, table, batch)


def array(sharding: NamedSharding, *shape: int, dtype=jnp.float32):
  """What is known of an array that need not be there."""
  return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)


def summed(objective, outputs, batch, mesh):
  """The loss, over all devices."""
  if objective.by_device:
    terms = over_devices(objective, outputs, batch, mesh)
  else:
    terms = objective(outputs, batch)
  (term,) = terms.values()
  return (term.loss * term.weight).sum()


def temporaries(total, shardings, *args) -> float:
  """MiB on each device, beside the inputs, outputs and the program itself."""
  run = jax.jit(
    jax.value_and_grad(total, argnums=(0, 1)), out_shardings=(None, shardings)
  )
  memory = run.lower(*args).compile().memory_analysis()
  return memory.temp_size_in_bytes / MIB


def main():
  """Prints the table, and a line of JSON."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--batch', type=int, default=16_384)
  parser.add_argument('--words', type=int, default=128_256)
  parser.add_argument('--width', type=int, default=512)
  parser.add_argument(
    '--tiles', type=int, nargs='+', default=[1024, 512, 256], metavar='SIDE'
  )
  options = parser.parse_args()
  found = {}
  names = ['whole', *map(str, options.tiles)]
  print('| loss | devices | ' + ' | '.join(names))
  measures = {
    Sigmoid: functools.partial(of_pairs, size=options.batch),
    Contrastive: functools.partial(of_pairs, size=options.batch),
    NextToken: functools.partial(of_words, size=options.words),
  }
  for kind, measure in measures.items():
    given = {} if kind is NextToken else {'pairs': PAIR}
    for devices in (1, 8):
      row = [
        measure(kind(tile=tile, **given), width=options.width, devices=devices)
        for tile in (None, *options.tiles)
      ]
      found[f'{kind.__name__}, {devices}'] = dict(zip(names, row, strict=True))
      cells = ' | '.join(f'{x:,.1f}' for x in row)
      print(f'| `{kind.__name__}` | {devices} | {cells} |', flush=True)
  print(json.dumps({'unit': 'MiB of temporaries a device', **found}))


if __name__ == '__main__':
  main()
