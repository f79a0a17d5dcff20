"""All of a checkpoint but its weights: what a config is made of."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import numpy as np

from mmjax.data.dataset import check_name
from mmjax.paths import first_match
from mmjax.pretrained.architecture import Architecture
from mmjax.pretrained.folder import Tensors, find_folder, read_json
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.known import KNOWN
from mmjax.pretrained.preprocess import Preprocess, processor_config
from mmjax.pretrained.resolution import at_length, at_resolution
from mmjax.pretrained.sentences import with_sentences
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
  """A checkpoint whose weights are not read.

  Example:
    `pretrained.find('runs/clip').tower('image')` is an encoder for a config
    whose `start` is `FromCheckpoint(name='runs/clip',
    parts={'encoders_image': 'encoders_image'})`.
  """

  model: nn.Module
  """Of mmjax's own parts."""
  preprocess: Preprocess
  """Raw inputs to the batch that the model takes."""
  config: Mapping[str, Any]
  """The checkpoint's `config.json`."""
  architecture: Architecture
  """The table behind it."""
  source: Path
  """The folder."""

  def tower(self, modality: str) -> nn.Module:
    """The encoder of a modality.

    Raises:
      InputError: the model has none.
    """
    encoders: Any = getattr(self.model, 'encoders', {})
    check_name(f'encoder in {self.source} of', modality, encoders)
    return encoders[modality]


def find(
  name: str | Path,
  *,
  image_size: int | None = None,
  seconds: float | None = None,
) -> Checkpoint:
  """Reads what a checkpoint is, of its weights only names and shapes.

  Args:
    name: a folder with `config.json` and safetensors, or `owner/model` of the
      hub.
    image_size: side of the pictures in pixels, if not as the checkpoint says;
      learned positions are resampled for it.
    seconds: length of an AST's sounds, if not as the checkpoint says, in the
      same way.

  Raises:
    InputError: the folder or its architecture is not what is known here.
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
  architecture = build(folder, config)
  if image_size is not None:
    architecture = at_resolution(architecture, image_size, source=folder)
  if seconds is not None:
    architecture = at_length(architecture, seconds, source=folder)
  text = architecture.text
  if text is not None:
    text = text.read(folder, read_json(folder / 'tokenizer_config.json'))
  return Checkpoint(
    model=architecture.model,
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


def build(folder: Path, config: Mapping[str, Any]) -> Architecture:
  """The architecture of a folder's tensors, with this `config.json`."""
  known = KNOWN[config['model_type']]
  processor: Any = ImageProcessor()
  if known.processor is not None:
    processor = known.processor(config).read(processor_config(folder))
  architecture = known.build(config, list(Tensors(folder)), processor)
  return with_sentences(architecture, folder)


def text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
  """The part of a `config.json` that tells of texts."""
  return config.get('text_config', config)


def untouched(
  architecture: Architecture,
  source: Tensors,
  old: Mapping[str, Any],
  new: Mapping[str, Any],
) -> list[str]:
  """Names of tensors that are no parameters, and exported as they were.

  None of them repeats the embedding, as output layers do in some files: it may
  have learned since. Nor has one a row for each token id, if there are more or
  fewer of them now.

  Args:
    architecture: of the checkpoint.
    source: its tensors.
    old: its `config.json`.
    new: that which is exported.
  """
  sizes = [text_config(one).get('vocab_size') for one in (old, new)]
  tables = [
    row.key
    for row in architecture.rows
    if any(path.endswith('embed/table') for path in row.paths)
  ]

  def stays(key: str) -> bool:
    if first_match(architecture.ignore, key) is None:
      return False
    shape = source.shape(key)
    if sizes[0] != sizes[1] and sizes[0] in shape:
      return False
    return not any(
      source.shape(table) == shape
      and np.array_equal(source[table], source[key])
      for table in tables
      if table in source
    )

  return [key for key in source if stays(key)]
