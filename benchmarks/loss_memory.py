"""Memory of contrastive losses: the whole matrix, and in tiles.

    python benchmarks/loss_memory.py

compiles loss and gradient at a batch of 16,384 for one and for eight CPU
devices, runs nothing, and prints what the compiler sets aside on each device.
"""

import argparse
import json
import os

os.environ['JAX_PLATFORMS'] = 'cpu'
os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=8'

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding

from mmjax.objectives import Contrastive, Sigmoid
from mmjax.train.by_device import over_devices
from mmjax.train.mesh import by_example, make_mesh, replicated

PAIR = (('image', 'text'),)
MIB = 2**20


def temporaries(objective, batch: int, width: int, devices: int) -> float:
  """MiB on each device, beside the inputs, outputs and the program itself."""
  mesh = make_mesh(devices=jax.devices()[:devices])
  rows, whole = by_example(mesh), replicated(mesh)

  def total(embeddings, shared, batch):
    outputs = {'embeddings': embeddings, 'shared': shared}
    if objective.by_device:
      terms = over_devices(objective, outputs, batch, mesh)
    else:
      terms = objective(outputs, batch)
    term = terms['image_text']
    return (term.loss * term.weight).sum()

  def array(sharding: NamedSharding, *shape: int, dtype=jnp.float32):
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)

  embeddings = {name: array(rows, batch, width) for name in PAIR[0]}
  shared = {'logit_scale': array(whole), 'logit_bias': array(whole)}
  masks = {name: array(rows, batch, dtype=bool) for name in embeddings}
  run = jax.jit(
    jax.value_and_grad(total, argnums=(0, 1)),
    out_shardings=(whole, (rows, whole)),
  )
  compiled = run.lower(
    embeddings, shared, {'mask': masks, 'weight': array(rows, batch)}
  ).compile()
  return compiled.memory_analysis().temp_size_in_bytes / MIB


def main():
  """Prints the table, and a line of JSON."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--batch', type=int, default=16_384)
  parser.add_argument('--width', type=int, default=512)
  parser.add_argument(
    '--tiles', type=int, nargs='+', default=[512, 256], metavar='SIDE'
  )
  options = parser.parse_args()
  found = {}
  print(
    '| loss | devices | ' + ' | '.join(['matrix', *map(str, options.tiles)])
  )
  for kind in (Sigmoid, Contrastive):
    for devices in (1, 8):
      row = [
        temporaries(
          kind(pairs=PAIR, tile=tile), options.batch, options.width, devices
        )
        for tile in (None, *options.tiles)
      ]
      name = f'{kind.__name__}, {devices}'
      found[name] = dict(
        zip(['matrix', *map(str, options.tiles)], row, strict=True)
      )
      cells = ' | '.join(f'{x:,.1f}' for x in row)
      print(f'| `{kind.__name__}` | {devices} | {cells} |', flush=True)
  print(json.dumps({'unit': 'MiB of temporaries a device', **found}))


if __name__ == '__main__':
  main()
