"""Loading a checkpoint of 150 million parameters: memory and time.

Writes a random BERT of that size once, then loads it in new processes, mmjax
and transformers in turns; transformers is left out where it is not installed.
Memory is how much the process's peak grows while it loads, over the size of the
file. Linux only.

  python benchmarks/load.py [--turns 5]
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np

from mmjax.paths import named_leaves
from mmjax.pretrained import bert
from mmjax.pretrained.folder import write_folder
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.table import export_rows

CONFIG = {
  'architectures': ['BertModel'],
  'model_type': 'bert',
  'hidden_size': 896,
  'num_attention_heads': 14,
  'intermediate_size': 3584,
  'num_hidden_layers': 12,
  'vocab_size': 37_000,
}
# Run in a process of its own; `{}` is the folder.
PROGRAMS = {
  'mmjax': """
import jax
from mmjax import pretrained
jax.devices()
def load():
  return jax.block_until_ready(pretrained.load({!r}).params)
""",
  'transformers': """
import torch, transformers
from transformers import AutoModel
import transformers.models.bert.modeling_bert
def load():
  return AutoModel.from_pretrained({!r})
""",
}
MEASURE = """
import json, re, time
def peak():
  status = open('/proc/self/status').read()
  return int(re.search(r'VmHWM:\\s+(\\d+) kB', status)[1]) * 1024
before, start = peak(), time.perf_counter()
kept = load()
seconds = time.perf_counter() - start
print(json.dumps({'seconds': seconds, 'bytes': peak() - before}))
"""


def write(folder: Path) -> int:
  """Writes the checkpoint; returns the number of its parameters."""
  names = ['pooler.dense.weight']
  architecture = bert.bert(CONFIG, names, ImageProcessor())
  text = {'text': jax.ShapeDtypeStruct((1, 8), 'int32')}
  mask = {'text': jax.ShapeDtypeStruct((1, 8), 'bool')}
  shapes = jax.eval_shape(
    architecture.model.init, jax.random.key(0), {**text, 'mask': mask}
  )
  rng = np.random.default_rng(0)
  leaves = {
    name: rng.normal(size=x.shape, scale=0.02).astype(np.float32)
    for name, x in named_leaves(shapes['params']).items()
  }
  write_folder(folder, CONFIG, export_rows(architecture.rows, leaves))
  return sum(x.size for x in leaves.values())


def main() -> None:
  """Prints the table and one JSON line."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--turns', type=int, default=5)
  args = parser.parse_args()
  programs = {
    name: text
    for name, text in PROGRAMS.items()
    if importlib.util.find_spec(name)
  }
  found: dict[str, list[dict[str, float]]] = {name: [] for name in programs}
  with tempfile.TemporaryDirectory() as folder:
    parameters = write(Path(folder))
    size = (Path(folder) / 'model.safetensors').stat().st_size
    for _ in range(args.turns):
      for name, text in programs.items():
        run = subprocess.run(
          [sys.executable, '-c', text.format(folder) + MEASURE],
          stdout=subprocess.PIPE,
          check=True,
        )
        found[name].append(json.loads(run.stdout.splitlines()[-1]))
  what = f'{parameters:,} parameters, {size / 2**20:.0f} MiB'
  print(f'| {what} | seconds | memory / size of the file |\n|---|---|---|')
  for name, rows in found.items():
    seconds = statistics.median(row['seconds'] for row in rows)
    memory = max(row['bytes'] for row in rows) / size
    print(f'| {name} | {seconds:.2f} | {memory:.2f} |')
  print(json.dumps({'size': size, **found}))


if __name__ == '__main__':
  main()
