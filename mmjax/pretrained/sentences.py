"""What a sentence-transformers folder says of its embeddings of sentences.

`modules.json` lists what stands on the encoder, each with a folder of its own.

https://sbert.net/docs/package_reference/sentence_transformer/models.html
"""

import shutil
from pathlib import Path
from typing import Any

import flax.linen as nn

from mmjax.layers import (
  FirstToken,
  LastToken,
  MeanPool,
  SideBySide,
  UnitLength,
)
from mmjax.models.heads import Pooled
from mmjax.pretrained.architecture import Architecture
from mmjax.pretrained.folder import read_json, read_list
from mmjax.types import InputError

HEAD = 'sentence_embeds'
_FILE = 'modules.json'
# In the order in which several of them stand side by side.
_POOLS = {
  'cls_token': FirstToken,
  'mean_tokens': MeanPool,
  'lasttoken': LastToken,
}
_MODE = 'pooling_mode_'


def with_sentences(architecture: Architecture, folder: Path) -> Architecture:
  """The architecture with the pooling and the length that a folder tells.

  Raises:
    InputError: it tells something that is not known here.
  """
  model: Any = architecture.model
  modules = read_list(folder / _FILE)
  if not modules or HEAD not in getattr(model, 'heads', {}):
    return architecture
  pool: nn.Module = MeanPool()
  for module in modules:
    kind = str(module.get('type')).rpartition('.')[2]
    if kind == 'Pooling':
      pool = _pooling(folder / module.get('path', '') / 'config.json')
    elif kind == 'Normalize':
      pool = UnitLength(pool=pool)
    elif kind != 'Transformer':
      raise InputError(
        f'{folder / _FILE}: {kind!r} is not one of '
        "['Normalize', 'Pooling', 'Transformer']"
      )
  heads = {**model.heads, HEAD: Pooled(pool=pool)}
  return architecture._replace(model=model.copy(heads=heads))


def copy_sentences(source: Path, folder: Path) -> None:
  """Copies what `modules.json` refers to, and is no weights."""
  for module in read_list(source / _FILE):
    path = Path(module.get('path', '')) / 'config.json'
    if path.parent.name and (source / path).exists():
      (folder / path.parent).mkdir(exist_ok=True)
      if not (folder / path).exists():
        shutil.copy(source / path, folder / path)


def _pooling(file: Path) -> nn.Module:
  told = read_json(file)
  modes = [
    name.removeprefix(_MODE)
    for name, on in told.items()
    if name.startswith(_MODE) and on is True
  ]
  unknown = sorted(set(modes) - set(_POOLS))
  if unknown or not modes:
    raise InputError(
      f'{file}: {_MODE}* are {sorted(modes)}, known are {sorted(_POOLS)}'
    )
  pools = tuple(pool() for name, pool in _POOLS.items() if name in modes)
  return pools[0] if len(pools) == 1 else SideBySide(pools=pools)
