"""Folders with tiny checkpoints of transformers, to put other files into.

Needs PyTorch and transformers: imported only by what is skipped without them.
"""

import transformers

TOWER = {
  'hidden_size': 8,
  'num_attention_heads': 2,
  'intermediate_size': 8,
  'num_hidden_layers': 1,
}
SIDE = {'image_size': 32, 'patch_size': 16}


def _vit():
  config = transformers.ViTConfig(**TOWER, **SIDE)
  return transformers.ViTModel(config)


def _pair(kind, **text):
  config = getattr(transformers, f'{kind}Config')(
    text_config={**TOWER, 'max_position_embeddings': 24, **text},
    vision_config={**TOWER, **SIDE},
  )
  return getattr(transformers, f'{kind}Model')(config)


def _bert(kind):
  config = getattr(transformers, f'{kind}Config')(
    **TOWER, vocab_size=99, max_position_embeddings=40
  )
  return getattr(transformers, f'{kind}Model')(config)


MODELS = {
  'CLIP': lambda: _pair('CLIP', vocab_size=99),
  'Siglip': lambda: _pair('Siglip', vocab_size=99),
  'Bert': lambda: _bert('Bert'),
  'Roberta': lambda: _bert('Roberta'),
}


class Folders:
  """A folder with weights and config alone for each kind of model."""

  def __init__(self, make_folder):
    self._make_folder = make_folder
    self._made = {}

  def __call__(self, kind):
    """The folder of a kind, which is made once and cleaned each time."""
    if kind not in self._made:
      self._made[kind] = self._make_folder()
      MODELS.get(kind, _vit)().save_pretrained(self._made[kind])
    clean(self._made[kind])
    return self._made[kind]


def clean(folder):
  """Removes all but weights and config."""
  for file in folder.iterdir():
    if file.name not in ('config.json', 'model.safetensors'):
      file.unlink()
