"""Loading, running and exporting checkpoints of other projects."""

import dataclasses
import functools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from mmjax.models import Aligned
from mmjax.models.wrapper import Wrapper
from mmjax.paths import named_leaves
from mmjax.pretrained.architecture import Architecture
from mmjax.pretrained.checkpoint import find, untouched
from mmjax.pretrained.folder import Tensors, read_json, write_folder
from mmjax.pretrained.generation import (
  Options,
  continue_texts,
  stream_texts,
)
from mmjax.pretrained.later import Lazy
from mmjax.pretrained.preprocess import Preprocess
from mmjax.pretrained.sentences import copy_sentences
from mmjax.pretrained.table import export_rows
from mmjax.pretrained.variables import later_variables
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
  params: Any = Lazy()
  """Its parameters, in float32; who first asks for them waits until they are
  read. Before, `load` has checked that all are there."""
  collections: Any = Lazy()
  """Its variables that are none, the moving averages of BatchNorm, by name;
  read like the parameters."""
  preprocess: Preprocess
  """Raw inputs to the batch that the model takes."""
  config: Mapping[str, Any]
  """The checkpoint's `config.json`."""
  architecture: Architecture
  """The table behind it."""
  source: Path
  """The folder."""
  generation: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  """How its makers write with it: `generation_config.json`."""

  def __repr__(self) -> str:
    """What it is and where from, without the numbers."""
    kind = self.config.get('model_type')
    return f'{type(self).__name__}(model_type={kind!r}, source={self.source})'

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
    return self._run(self.variables, batch)

  def generate(
    self, *, options: Options | None = None, **given: Any
  ) -> dict[str, Any]:
    """Writes: what comes behind prompts, or what a sound says.

    Args:
      options: how to write; or its fields by their names.
      **given: `text` or `audio`, as the checkpoint takes them, `sampling_rate`,
        the fields of `Options`, and what its architecture knows besides.

    Returns:
      `tokens`, the new ids `[b t]`, and `text`, strings, or None without a
      tokenizer.

    Raises:
      InputError: the checkpoint does not write, or not so.
    """
    write = self.architecture.generate
    if write is None:
      raise InputError(f'a {self.config.get("model_type")} writes no text here')
    chosen, inputs = _split(options, given)
    return write(self._bare, chosen, **inputs)

  def stream(
    self, *, options: Options | None = None, **given: Any
  ) -> Iterator[dict[str, Any]]:
    """What `generate` gives so far, every few ids, for causal language models.

    Raises:
      InputError: the checkpoint is another, or does a beam search.
    """
    if self.architecture.generate is not continue_texts:
      raise InputError(f'a {self.config.get("model_type")} has no stream here')
    chosen, inputs = _split(options, given)
    return stream_texts(self._bare, chosen, **inputs)

  @property
  def variables(self) -> dict[str, Any]:
    """The parameters and the other collections."""
    return {'params': self.params, **self.collections}

  def program(self, make: Any, *args: Any) -> Any:
    """`make(model, *args)`, made once."""
    key = (make, *args)
    if key not in self._programs:
      self._programs[key] = make(self.model, *args)
    return self._programs[key]

  @functools.cached_property
  def _bare(self) -> 'Pretrained':
    """Without what wraps the model: it writes with its kernels as learned."""
    if not isinstance(self.model, Wrapper):
      return self
    model, variables = self.model.bare(self.variables)
    return dataclasses.replace(self, model=model, params=variables['params'])

  @functools.cached_property
  def _programs(self) -> dict[Any, Any]:
    return {}

  @functools.cached_property
  def _run(self) -> Any:
    def run(variables: Any, batch: Batch) -> dict[str, Any]:
      model = restrict(self.model, list(batch['mask']))
      return self.architecture.apply(variables, batch, model=model)

    return jax.jit(run)


def load(
  name: str | Path,
  *,
  sharding: Any = None,
  image_size: int | None = None,
  seconds: float | None = None,
) -> Pretrained:
  """Loads a checkpoint in the Hugging Face format.

  Everything is checked here; the parameters are read when they are first asked
  for, by whatever runs the model or `loaded.params`. Until then the files are
  held open: they may be removed, but who changes them gets an error there.

  Args:
    name: a folder with `config.json` and safetensors, or `owner/model` of the
      hub.
    sharding: where parameters go: a `Sharding`, or `(path, shape) -> Sharding`;
      the default device if None. They are read one by one.
    image_size: side of the pictures in pixels, if not as the checkpoint says;
      learned positions are resampled for it.
    seconds: length of an AST's sounds, if not as the checkpoint says, in the
      same way.

  Raises:
    InputError: the folder, its architecture or its tensors are not what is
      known here; the message lists them.
  """
  found = find(name, image_size=image_size, seconds=seconds)
  params, collections = later_variables(
    found.architecture, Tensors(found.source), found.source, sharding
  )
  return Pretrained(
    model=found.model,
    params=params,
    collections=collections,
    preprocess=found.preprocess,
    config=found.config,
    architecture=found.architecture,
    source=found.source,
    generation=generation_config(found.config, found.source),
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
    for key in untouched(
      architecture,
      source,
      read_json(loaded.source / 'config.json'),
      loaded.config,
    )
  }
  write_folder(folder, {**config, 'dtype': dtype}, {**ignored, **tensors})
  for file in sorted(loaded.source.iterdir()):
    kept = file.suffix in ('.json', '.txt', '.model')
    if kept and not (folder / file.name).exists() and 'index' not in file.name:
      shutil.copy(file, folder / file.name)
  copy_sentences(loaded.source, folder)


def generation_config(
  config: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
  """What a folder says of writing, in `config.json` if in no other file."""
  found = read_json(folder / 'generation_config.json')
  return found or {k: v for k, v in config.items() if v is not None}


def _split(
  options: Options | None, given: Mapping[str, Any]
) -> tuple[Options, dict[str, Any]]:
  """Options, also of their fields by name, and what is left."""
  names = {field.name for field in dataclasses.fields(Options)}
  chosen = {k: v for k, v in given.items() if k in names}
  rest = {k: v for k, v in given.items() if k not in names}
  return dataclasses.replace(options or Options(), **chosen), rest


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
