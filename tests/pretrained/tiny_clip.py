"""A folder with a tiny random CLIP, its words and its preprocessing."""

import json
import string
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from mmjax.paths import named_leaves
from mmjax.pretrained.clip import clip
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.shapes import variable_shapes
from mmjax.pretrained.table import export_rows

_LETTERS = string.ascii_lowercase + string.digits + '.'
# Pieces of words and their ends, and as the largest id the end of a text.
WORDS = [
  *_LETTERS,
  *(f'{c}</w>' for c in _LETTERS),
  '<|startoftext|>',
  '<|endoftext|>',
]
TOWER = {
  'hidden_size': 8,
  'num_attention_heads': 2,
  'intermediate_size': 12,
  'num_hidden_layers': 1,
}
CONFIG: dict[str, Any] = {
  'model_type': 'clip',
  'architectures': ['CLIPModel'],
  'projection_dim': 6,
  'text_config': {
    **TOWER,
    'vocab_size': len(WORDS),
    'max_position_embeddings': 16,
    'bos_token_id': len(WORDS) - 2,
    'eos_token_id': 2,
    'pad_token_id': 1,
  },
  'vision_config': {**TOWER, 'image_size': 16, 'patch_size': 8},
}
PREPROCESSOR = {
  'image_processor_type': 'CLIPImageProcessor',
  'size': {'shortest_edge': 16},
  'crop_size': {'height': 16, 'width': 16},
}


def write_clip(
  folder: Path,
  *,
  seed: int = 0,
  vocabulary: int = len(WORDS),
  length: int = 16,
) -> Path:
  """Writes all files; needs neither PyTorch nor transformers."""
  folder.mkdir(parents=True, exist_ok=True)
  text = {
    **CONFIG['text_config'],
    'vocab_size': vocabulary,
    'max_position_embeddings': length,
  }
  config = {**CONFIG, 'text_config': text}
  architecture = clip(config, [], ImageProcessor())
  shapes = variable_shapes(architecture.model, architecture.inputs)['params']
  rng = np.random.default_rng(seed)
  leaves = {
    path: (0.3 * rng.normal(size=x.shape)).astype(np.float32)
    for path, x in named_leaves(shapes).items()
  }
  tensors = export_rows(architecture.rows, leaves)
  save_file(tensors, folder / 'model.safetensors', metadata={'format': 'pt'})
  ids = {word: i for i, word in enumerate(WORDS)}
  for name, content in {
    'config.json': config,
    'preprocessor_config.json': PREPROCESSOR,
    'tokenizer_config.json': {'tokenizer_class': 'CLIPTokenizer'},
    'vocab.json': ids,
  }.items():
    (folder / name).write_text(json.dumps(content))
  (folder / 'merges.txt').write_text('#version: 0.2\n')
  return folder
