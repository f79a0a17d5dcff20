"""Opening a checkpoint: what its workdir or folder says of it."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from mmjax import pretrained
from mmjax.apps import talking, writing
from mmjax.apps.checkpoint import Checkpoint
from mmjax.apps.runs import is_run, run_config
from mmjax.data.dataset import Foreign
from mmjax.data.sources.opened import MODALITIES
from mmjax.data.sources.records import Records
from mmjax.decoders.steps import bare
from mmjax.objectives.supervised import Classification
from mmjax.train.saved import read_variables
from mmjax.train.warm_start import state_folder
from mmjax.types import InputError

_OTHERS = 'video', 'sensor', 'tabular'  # no files that Records reads


def open_checkpoint(where: str | Path, *, batch_size: int = 32) -> Checkpoint:
  """Opens whatever can be used.

  Args:
    where: the workdir of a run, or a folder in the Hugging Face format, or
      `owner/model` of the hub.
    batch_size: rows of the batches that it runs on.

  Raises:
    InputError: it is neither, is damaged, or takes nothing that is in files.
  """
  folder = Path(where).expanduser()
  if is_run(folder):
    return _open_run(folder, batch_size)
  if (folder / 'checkpoints').is_dir() or (folder / 'argv.json').exists():
    run_config(folder)  # says what is missing
  if folder.is_dir() and not (folder / 'config.json').is_file():
    raise InputError(
      f'{where} is neither the workdir of a run nor a checkpoint: it has '
      'neither config.py and argv.json nor config.json'
    )
  return _open_pretrained(str(where), batch_size)


def _open_run(workdir: Path, batch_size: int) -> Checkpoint:
  config = run_config(workdir)
  if not isinstance(config.data, Foreign):
    raise InputError(
      f'{workdir} was trained on {type(config.data).__name__}, which does not '
      'say how files are to be prepared'
    )
  state = state_folder(workdir, None, option=str(workdir))
  model, variables = bare(config.model, read_variables(workdir))
  keys = _keys(model)
  if not keys:
    raise InputError(f'{workdir} reads neither pictures, texts nor sounds')
  records = config.data.as_records()
  sums = state.parent / 'SHA256SUMS'
  told = sums.read_bytes() if sums.is_file() else b''
  targets, kinds = _targets(config, model)
  talks = talking.of_run(config, model)
  classes = _classes(config.data)
  return Checkpoint(
    name=str(workdir),
    identity=_digest(workdir.name.encode(), state.parent.name.encode(), told),
    model=model,
    variables=jax.device_put(variables),
    records=dataclasses.replace(records, modalities=tuple(keys)),
    keys=keys,
    labels={
      head: tuple(classes[target])
      for head, target in targets.items()
      if target in classes
    },
    kinds=kinds,
    # What answers is asked in dialogues, and its pictures stand in rows.
    writes=None if talks else writing.of_run(config, model),
    talks=talks,
    prompts=getattr(config.data, 'prompts', {}),
    config=config,
    batch_size=batch_size,
  )


def _open_pretrained(name: str, batch_size: int) -> Checkpoint:
  loaded = pretrained.load(name)
  keys = _keys(loaded.model)
  if not keys:
    raise InputError(f'{name} reads neither pictures, texts nor sounds')
  if 'text' in keys and loaded.preprocess.text.tokenizer is None:
    del keys['text']  # only ids could be given
  inputs = loaded.architecture.inputs
  given: dict[str, Any] = {}
  if 'image' in keys:
    given['image_size'] = int(inputs['image'].shape[1])
    given['resize'] = pretrained.PixelsFor(checkpoint=name)
  if 'text' in keys:
    given['tokenizer'] = pretrained.TokensFor(checkpoint=name)
  if 'audio' in keys:
    rate = loaded.preprocess.audio.rate
    given['audio_rate'] = rate
    given['audio_seconds'] = inputs['audio'].shape[1] / rate
  files = sorted(loaded.source.glob('*.safetensors'))
  states = [
    f'{f.name} {f.stat().st_size} {f.stat().st_mtime_ns}' for f in files
  ]
  told = (loaded.source / 'config.json').read_bytes()
  names = loaded.config.get('id2label')
  heads = getattr(loaded.model, 'heads', {})
  labels = {}
  if isinstance(names, Mapping) and 'logits' in heads:
    ordered = sorted(names.items(), key=lambda item: int(item[0]))
    labels['logits'] = tuple(str(label) for _, label in ordered)
  return Checkpoint(
    name=name,
    identity=_digest(told, *(state.encode() for state in states)),
    model=loaded.model,
    variables=loaded.variables,
    records=Records(modalities=tuple(keys), **given),
    keys=keys,
    labels=labels,
    writes=writing.of_pretrained(loaded),
    talks=talking.of_pretrained(loaded),
    config=loaded.config,
    batch_size=batch_size,
  )


def _keys(model: Any) -> dict[str, str]:
  """Modality of files -> the encoder that reads it.

  A text may be read under another name, such as `source`.
  """
  encoders = [n for n in getattr(model, 'encoders', {}) if n not in _OTHERS]
  keys = {name: name for name in MODALITIES if name in encoders}
  others = [name for name in encoders if name not in MODALITIES]
  if 'text' not in keys and others:
    keys['text'] = others[0]
  return keys


def _targets(config: Any, model: Any) -> tuple[dict[str, str], dict[str, str]]:
  """Head -> what it was trained to tell, and how."""
  told = [
    o for o in config.objectives.values() if isinstance(o, Classification)
  ]
  targets = {o.head: o.target for o in told}
  kinds: dict[str, str] = {o.head: o.kind for o in told}
  for name, voters in getattr(model, 'votes', {}).items():
    known = [voter for voter in voters if voter in targets]
    if known:
      targets[name], kinds[name] = targets[known[0]], kinds[known[0]]
  # What all agree on stands before what each says.
  order = [*getattr(model, 'votes', {}), *targets]
  return {n: targets[n] for n in dict.fromkeys(order) if n in targets}, kinds


def _classes(data: Any) -> Mapping[str, Any]:
  try:
    return data.classes
  except InputError:  # data that is not there any more
    return {}


def _digest(*parts: bytes) -> str:
  found = hashlib.sha256()
  for part in parts:
    found.update(len(part).to_bytes(8, 'big') + part)
  return found.hexdigest()[:32]
