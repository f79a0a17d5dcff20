"""Writes tests/pretrained/fixtures: what transformers says, for who has it not.

pip install torch==2.13.0 transformers
python -m tests.pretrained.make_fixtures
"""

import importlib
import pkgutil
import shutil
from pathlib import Path

import jax
import numpy as np
import torch

from tests.pretrained import references

FIXTURES = Path(__file__).with_name('fixtures')
# One for each table and head; the live test has them all.
NAMES = (
  'ast', 'bert', 'clap', 'clip', 'clip_vision', 'deit_teacher',
  'dinov2_registers', 'distilbert', 'gpt2_language', 'hubert_classifier',
  'llama_language', 'mistral', 'qwen2', 'qwen2_classifier',
  'resnet_classifier', 'roberta_classifier', 'siglip', 'siglip_text',
  'videomae', 'vit_classifier', 'wav2vec2_ctc', 'whisper_language',
)  # fmt: skip


def main():
  for module in pkgutil.iter_modules(references.__path__):
    found = importlib.import_module(f'{references.__name__}.{module.name}')
    for name, make in getattr(found, 'CASES', {}).items():
      if name not in NAMES:
        continue
      folder = FIXTURES / name
      if folder.exists():
        shutil.rmtree(folder)
      write(folder, make(0))
      size = sum(file.stat().st_size for file in folder.iterdir())
      print(f'{name}: {size / 1024:.0f} kB')


def write(folder, case):
  """The checkpoint, a batch, and its outputs where they mean something."""
  case.save(folder)
  with torch.no_grad():
    found = case.model(**case.inputs)
  arrays = {}
  for path, x in jax.tree_util.tree_leaves_with_path(dict(case.batch)):
    name = jax.tree_util.keystr(path, simple=True, separator='/')
    arrays[f'batch/{name}'] = np.asarray(x)
  for name, pick in case.outputs.items():
    arrays[f'output/{name}'] = pick(found).numpy()
    if name in case.masks:
      arrays[f'mask/{name}'] = case.masks[name]
  np.savez_compressed(folder / 'expected.npz', **arrays)


if __name__ == '__main__':
  main()
