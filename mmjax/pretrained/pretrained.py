"""Loading, running and exporting checkpoints of other projects."""

import dataclasses
import functools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from mmjax.models import Aligned
from mmjax.paths import first_match, named_leaves
from mmjax.pretrained.architecture import Architecture
from mmjax.pretrained.folder import (
  Tensors,
  find_folder,
  read_json,
  write_folder,
)
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.known import KNOWN
from mmjax.pretrained.preprocess import Preprocess, processor_config
from mmjax.pretrained.sentences import copy_sentences, with_sentences
from mmjax.pretrained.table import export_rows
from mmjax.pretrained.variables import load_variables
from mmjax.types import Batch, InputError


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pretrained:
  """A checkpoint as a function: raw inputs to named arrays.

  Example:
    `loaded = pretrained.load('runs/clip')`, then
    `loaded(image=[picture], text=['a cat', 'a dog'])['logits_per_image']`.
  """

  model: nn.Module
  """Of mmjax's own parts; trains like any other."""
  params: Any
  """Its parameters, in float32."""
  collections: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  """Its variables that are none: the moving averages of BatchNorm."""
  preprocess: Preprocess
  """Raw inputs to the batch that the model takes."""
  config: Mapping[str, Any]
  """The checkpoint's `config.json`."""
  architecture: Architecture
  """The table behind it."""
  source: Path
  """The folder."""

  def __call__(self, **inputs: Any) -> dict[str, Any]:
    """Runs the model on raw inputs.

    Args:
      **inputs: `image`, `text`, `audio`, `video`, `sampling_rate`: see
        `Preprocess`.

    Returns:
      Arrays under transformers' names: `last_hidden_state`, `pooler_output`,
      `logits`, `sentence_embeds`; or `image_embeds`, `text_embeds`,
      `logits_per_image`, `logits_per_text`, as far as there are any.
    """
    return self.apply(self.preprocess(**inputs))

  def apply(self, batch: Batch) -> dict[str, Any]:
    """Runs the model on a batch, on those of its modalities that it has."""
    return self._run({'params': self.params, **self.collections}, batch)

  @functools.cached_property
  def _run(self) -> Any:
    def run(variables: Any, batch: Batch) -> dict[str, Any]:
      model = restrict(self.model, list(batch['mask']))
      return self.architecture.apply(variables, batch, model=model)

    return jax.jit(run)


def load(name: str | Path, *, sharding: Any = None) -> Pretrained:
  """Loads a checkpoint in the Hugging Face format.

  Args:
    name: a folder with `config.json` and safetensors, or `owner/model` of the
      hub.
    sharding: where parameters go: a `Sharding`, or `(path, shape) -> Sharding`;
      the default device if None. They are read one by one.

  Raises:
    InputError: the folder, its architecture or its tensors are not what is
      known here; the message lists them.
  """
  folder = find_folder(name)
  if not (folder / 'config.json').exists():
    raise InputError(f'{folder} has no config.json')
  config = read_json(folder / 'config.json')
  kind = config.get('model_type')
  if kind not in KNOWN:
    raise InputError(
      f'{folder}/config.json: model_type {kind!r} is not one of {sorted(KNOWN)}'
    )
  tensors = Tensors(folder)
  known = KNOWN[kind]
  processor: Any = ImageProcessor()
  if known.processor is not None:
    processor = known.processor(config).read(processor_config(folder))
  architecture = known.build(config, list(tensors), processor)
  architecture = with_sentences(architecture, folder)
  collections = load_variables(architecture, tensors, folder, sharding)
  params = collections.pop('params')
  text = architecture.text
  if text is not None:
    text = text.read(folder, read_json(folder / 'tokenizer_config.json'))
  return Pretrained(
    model=architecture.model,
    params=params,
    collections=collections,
    preprocess=Preprocess(
      image=architecture.image,
      text=text,
      audio=architecture.audio,
      video=architecture.video,
    ),
    config=config,
    architecture=architecture,
    source=folder,
  )


def export(loaded: Pretrained, folder: str | Path) -> None:
  """Writes a folder that transformers loads: weights, config, preprocessing.

  Args:
    loaded: what `load` gave, perhaps with other `params`.
    folder: it is made; files of the same names are replaced.
  """
  folder = Path(folder)
  architecture = loaded.architecture
  leaves = named_leaves({**loaded.params, **loaded.collections})
  tensors = export_rows(architecture.rows, leaves)
  kinds = {str(x.dtype) for x in tensors.values()}
  dtype = kinds.pop() if len(kinds) == 1 else 'float32'
  config = {k: v for k, v in loaded.config.items() if k != 'torch_dtype'}
  source = Tensors(loaded.source)
  ignored = {
    # No view on a file that may be the one that is written.
    key: np.array(source[key])
    for key in source
    if first_match(architecture.ignore, key) is not None
  }
  write_folder(folder, {**config, 'dtype': dtype}, {**ignored, **tensors})
  for file in sorted(loaded.source.iterdir()):
    kept = file.suffix in ('.json', '.txt', '.model')
    if kept and not (folder / file.name).exists() and 'index' not in file.name:
      shutil.copy(file, folder / file.name)
  copy_sentences(loaded.source, folder)


def restrict(model: nn.Module, modalities: Sequence[str]) -> nn.Module:
  """The model with only some of its towers; they take the same parameters."""
  if not isinstance(model, Aligned) or set(model.encoders) == set(modalities):
    return model
  alignment: Any = model.alignment
  pools = {k: v for k, v in alignment.pools.items() if k in modalities}
  return model.copy(
    encoders={k: v for k, v in model.encoders.items() if k in modalities},
    alignment=alignment.copy(pools=pools),
  )
