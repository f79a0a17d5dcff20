"""Loading, running and exporting checkpoints of other projects."""

import dataclasses
import functools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from mmjax.models import Aligned
from mmjax.paths import map_named, named_leaves
from mmjax.pretrained import (
  audio_spectrogram,
  bert,
  clip,
  siglip,
  vit,
  wav2vec2,
)
from mmjax.pretrained.architecture import Architecture
from mmjax.pretrained.folder import (
  Tensors,
  find_folder,
  read_json,
  write_folder,
)
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.table import export_rows, load_rows
from mmjax.types import Batch, InputError

# `model_type` of config.json -> the architecture, and what prepares pictures
# or sounds where the folder does not say how.
_KNOWN = {
  'audio-spectrogram-transformer': (
    audio_spectrogram.audio_spectrogram,
    audio_spectrogram.audio_processor,
  ),
  'bert': (bert.bert, None),
  'clip': (clip.clip, clip.image_processor),
  'distilbert': (bert.distilbert, None),
  'roberta': (bert.roberta, None),
  'siglip': (siglip.siglip, siglip.image_processor),
  'vit': (vit.vit, vit.image_processor),
  'wav2vec2': (wav2vec2.wav2vec2, wav2vec2.audio_processor),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocess:
  """Raw inputs to a batch."""

  image: ImageProcessor | None = None
  """What prepares pictures, if the model takes any."""
  text: Any = None
  """What prepares texts, if the model takes any."""
  audio: Any = None
  """What prepares sounds, if the model takes any."""

  def __call__(
    self,
    *,
    image: Any = None,
    text: Any = None,
    audio: Any = None,
    sampling_rate: int | None = None,
  ) -> Batch:
    """Makes a batch of what is given.

    Args:
      image: pictures: PIL images, arrays or paths; or one of them.
      text: strings, lists of token ids, or one of them.
      audio: sounds: paths or arrays `[s]`, `[s c]` or `[c s]`; or a path or an
        array `[s]`.
      sampling_rate: samples per second of the arrays; other rates than the
        checkpoint's are resampled.

    Raises:
      InputError: the model does not take what is given, or nothing is.
    """
    batch: dict[str, Any] = {}
    mask: dict[str, Any] = {}
    everything = {'image': image, 'text': text, 'audio': audio}
    for name, given in everything.items():
      if given is not None and getattr(self, name) is None:
        raise InputError(f'this checkpoint takes no {name}')
    if image is not None:
      batch['image'] = self.image(_several(image, 'image'))
      mask['image'] = np.ones(len(batch['image']), bool)
    if text is not None:
      texts = _several(text, 'text')
      strings = all(isinstance(one, str) for one in texts)
      made = self.text(texts) if strings else self.text.stack(texts)
      batch['text'], mask['text'] = made
    if audio is not None:
      batch['audio'], mask['audio'] = self.audio(
        _several(audio, 'audio'), sampling_rate=sampling_rate
      )
    if not batch:
      raise InputError('neither image nor text nor audio is given')
    return {**batch, 'mask': mask}


@dataclasses.dataclass(frozen=True, kw_only=True)
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
      **inputs: `image=`, `text=`, `audio=`, `sampling_rate=`; see
        `Preprocess`.

    Returns:
      Arrays under transformers' names: `last_hidden_state`, `pooler_output`,
      `logits`, `sentence_embeds`; or `image_embeds`, `text_embeds`,
      `logits_per_image`, `logits_per_text`, as far as there are any.
    """
    return self.apply(self.preprocess(**inputs))

  def apply(self, batch: Batch) -> dict[str, Any]:
    """Runs the model on a batch, on those of its modalities that it has."""
    modalities = tuple(sorted(batch['mask']))
    return self._compiled(modalities)(self.params, batch)

  @functools.cache  # noqa: B019
  def _compiled(self, modalities: tuple[str, ...]) -> Any:
    model: Any = restrict(self.model, modalities)

    def run(params, batch):
      return self.architecture.name_outputs(
        model.apply({'params': params}, batch)
      )

    return jax.jit(run)

  def __hash__(self) -> int:
    """That of the object: arrays have none."""
    return id(self)


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
  if kind not in _KNOWN:
    raise InputError(
      f'{folder}/config.json: model_type {kind!r} is not one of '
      f'{sorted(_KNOWN)}'
    )
  build, defaults = _KNOWN[kind]
  tensors = Tensors(folder)
  processor: Any = ImageProcessor()
  if defaults is not None:
    processor = defaults(config).read(_processor_config(folder))
  architecture = build(config, list(tensors), processor)
  params = _load_params(architecture, tensors, folder, sharding)
  text = architecture.text
  if text is not None:
    text = text.read(folder, read_json(folder / 'tokenizer_config.json'))
  return Pretrained(
    model=architecture.model,
    params=params,
    preprocess=Preprocess(
      image=architecture.image, text=text, audio=architecture.audio
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
  tensors = export_rows(loaded.architecture.rows, named_leaves(loaded.params))
  kinds = {str(x.dtype) for x in tensors.values()}
  dtype = kinds.pop() if len(kinds) == 1 else 'float32'
  config = {k: v for k, v in loaded.config.items() if k != 'torch_dtype'}
  write_folder(folder, {**config, 'dtype': dtype}, tensors)
  for file in sorted(loaded.source.iterdir()):
    kept = file.suffix in ('.json', '.txt', '.model')
    if kept and not (folder / file.name).exists() and 'index' not in file.name:
      shutil.copy(file, folder / file.name)


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


def _load_params(
  architecture: Architecture, tensors: Tensors, folder: Path, sharding: Any
) -> Any:
  batch = dict(architecture.inputs)
  masks = {
    name: jax.ShapeDtypeStruct(
      x.shape if name in ('text', 'audio') else x.shape[:1], jnp.bool_
    )
    for name, x in batch.items()
  }
  init = functools.partial(architecture.model.init, jax.random.key(0))
  shapes = jax.eval_shape(init, {**batch, 'mask': masks})['params']
  named = named_leaves(shapes)
  found = {}
  for path, x in load_rows(
    architecture.rows,
    tensors,
    named,
    ignore=architecture.ignore,
    source=str(folder),
  ):
    place = sharding(path, x.shape) if callable(sharding) else sharding
    x = np.asarray(x, named[path].dtype, order='C')
    found[path] = jax.device_put(x, place)
  return map_named(lambda path, _: found[path], shapes)


def _processor_config(folder: Path) -> Mapping[str, Any]:
  """What a folder says of pictures or sounds.

  Newer ones say it in a file that they have in common with texts.
  """
  found = read_json(folder / 'preprocessor_config.json')
  both = read_json(folder / 'processor_config.json')
  parts = [both.get(k) for k in ('image_processor', 'feature_extractor')]
  return found or next((part for part in parts if part), {})


def _several(given: Any, name: str) -> Sequence[Any]:
  """A list, also of a single thing."""
  single = isinstance(given, str | Path) or hasattr(given, 'convert')
  if not single and isinstance(given, np.ndarray):
    single = given.ndim == (3 if name == 'image' else 1)
  found = [given] if single else list(given)
  if not found:
    raise InputError(f'{name} is an empty list')
  return found
