"""Loading a checkpoint of 150 million parameters: memory and time.

Writes a random BERT of that size once, then loads it in new processes, mmjax
and transformers in turns; transformers is left out where it is not installed.

Both map the file and have read nothing of it when they return: there are two
times, until the model is loaded, with all that runs in the background, and
until each parameter was summed, too. For the second mmjax copies each kernel,
as its kernels lie the other way around, and transformers none. Both are in
seconds of the clock and of processors. `process` is a whole one on the clock:
start, imports, loading, summing. Memory is how much the process's peak grows,
over the size of the file. Linux only.

  python benchmarks/load.py [--turns 5]
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

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
import numpy as np
from mmjax import pretrained
jax.devices()
def load():
  return pretrained.load({!r})
def touch(loaded):
  for x in jax.tree.leaves(loaded.params):
    np.asarray(x).sum()
""",
  'transformers': """
import torch, transformers
from transformers import AutoModel
import transformers.models.bert.modeling_bert
transformers.utils.logging.disable_progress_bar()
def load():
  return AutoModel.from_pretrained({!r})
def touch(model):
  for x in model.parameters():
    x.data.sum()
""",
}
MEASURE = """
import gc, json, re, time
def now():
  status = open('/proc/self/status').read()
  peak = int(re.search(r'VmHWM:\\s+(\\d+) kB', status)[1]) * 1024
  return time.perf_counter(), time.process_time(), peak
gc.collect()  # what the imports left
start = now()
kept = load()
loaded = now()
touch(kept)
touched = now()
def since(end):
  found = [b - a for a, b in zip(start, end)]
  return dict(zip(('seconds', 'processor', 'bytes'), found))
print(json.dumps({'loaded': since(loaded), 'touched': since(touched)}))
"""
COLUMNS = ('seconds', 'processor', 'bytes')


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


def measure(program: str) -> dict[str, Any]:
  """Runs a program in a process of its own."""
  start = time.perf_counter()
  printed = subprocess.check_output([sys.executable, '-c', program + MEASURE])
  found = json.loads(printed.splitlines()[-1])
  return {**found, 'process': time.perf_counter() - start}


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
  found: dict[str, list[dict[str, Any]]] = {name: [] for name in programs}
  with tempfile.TemporaryDirectory() as folder:
    parameters = write(Path(folder))
    size = (Path(folder) / 'model.safetensors').stat().st_size
    for _ in range(args.turns):
      for name, text in programs.items():
        found[name].append(measure(text.format(folder)))
  print(f'{parameters:,} parameters, {size / 2**20:.0f} MiB\n')
  print('| | until | seconds | of processors | memory / file | process |')
  print('|---|---|---|---|---|---|')
  for name, rows in found.items():
    whole = statistics.median(row['process'] for row in rows)
    for until in ('loaded', 'touched'):
      clock, processor, memory = (
        statistics.median(row[until][column] for row in rows)
        for column in COLUMNS
      )
      cells = f'{clock:.2f} | {processor:.2f} | {memory / size:.2f}'
      print(f'| {name} | {until} | {cells} | {whole:.2f} |')
  print(json.dumps({'size': size, **found}))


if __name__ == '__main__':
  main()
