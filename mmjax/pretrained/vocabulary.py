"""A checkpoint with more token ids, or with fewer."""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from mmjax.paths import map_named, named_leaves
from mmjax.pretrained.checkpoint import build, text_config
from mmjax.pretrained.pretrained import Pretrained
from mmjax.pretrained.shapes import variable_shapes
from mmjax.types import InputError

# Ids that a config names; they must stay in the vocabulary.
_SPECIAL = ('bos_token_id', 'eos_token_id', 'pad_token_id')


def resize_vocabulary(
  loaded: Pretrained,
  size: int,
  *,
  new: Literal['mean', 'normal'] = 'mean',
  seed: int = 0,
) -> Pretrained:
  """A checkpoint with another number of token ids.

  Embedding, output layer and `config.json` follow; the first ids stay what they
  were. The tokenizer is left alone: it is for you to know what the new ids mean
  (`loaded.preprocess.text.tokenizer.add_tokens`, `.save`).

  Args:
    loaded: of a model of texts; it does not change.
    size: number of ids.
    new: where the vectors of new ids, and their row of an output layer, come
      from: the mean of the old ones, so that no new id is more likely than
      the rest at first; or a normal distribution with mean and standard
      deviation of the old ones, feature by feature.
    seed: of that distribution.

  Raises:
    InputError: the model has no vocabulary, or a token with a meaning would be
      cut off.
  """
  config = _with_size(loaded, size)
  architecture = build(loaded.source, config)
  shapes = named_leaves(
    variable_shapes(architecture.model, architecture.inputs)['params']
  )
  rng = np.random.default_rng(seed)

  def resized(path: str, x: jax.Array) -> jax.Array:
    shape = tuple(shapes[path].shape)
    if x.shape == shape:
      return x
    (axis,) = (i for i in range(x.ndim) if x.shape[i] != shape[i])
    return _resize(x, size, axis, new, rng)

  # Other towers may have been changed since: for pictures of another size.
  model: Any = loaded.model
  encoders = {**model.encoders, 'text': architecture.model.encoders['text']}
  model = architecture.model.copy(encoders=encoders)
  return dataclasses.replace(
    loaded,
    model=model,
    params=map_named(resized, loaded.params),
    config=config,
    architecture=architecture._replace(
      model=model,
      image=loaded.architecture.image,
      text=loaded.architecture.text,
    ),
  )


def _resize(
  x: jax.Array, size: int, axis: int, new: str, rng: np.random.Generator
) -> jax.Array:
  rows = jnp.moveaxis(x, axis, 0)
  old = len(rows)
  if size <= old:
    rows = rows[:size]
  else:
    added = jnp.broadcast_to(rows.mean(axis=0), (size - old, *rows.shape[1:]))
    if new == 'normal':
      noise = rng.normal(size=added.shape).astype(np.float32)
      added = added + jnp.asarray(noise) * rows.std(axis=0)[None]
    rows = jnp.concatenate([rows, added.astype(rows.dtype)])
  return jnp.moveaxis(rows, 0, axis)


def _with_size(loaded: Pretrained, size: int) -> dict[str, Any]:
  """The config for so many ids."""
  encoders = getattr(loaded.model, 'encoders', {})
  if 'text' not in encoders:
    raise InputError(f'{loaded.source} has no encoder of text')
  if size < 1:
    raise InputError(f'size {size} of the vocabulary is below 1')
  tables = {
    path: x
    for path, x in named_leaves(loaded.params).items()
    if path.startswith('encoders_text/') and path.endswith('embed/table')
  }
  (old,) = (len(x) for x in tables.values())
  part = dict(text_config(loaded.config))
  for name in _SPECIAL:
    ids = part.get(name)
    for one in ids if isinstance(ids, list) else [ids]:
      if one is not None and size <= one < old:
        raise InputError(
          f'size {size} would cut off {name} {one} of {loaded.source}'
        )
  if getattr(encoders['text'], 'end_of_text', None) == 'largest':
    if size < old:
      raise InputError(
        f'size {size} would cut off the end of a text, the largest id '
        f'{old - 1} of {loaded.source}'
      )
    # A new id would be the largest: say which one ends a text.
    part['eos_token_id'] = old - 1
  part['vocab_size'] = size
  whole = 'text_config' not in loaded.config
  return part if whole else {**loaded.config, 'text_config': part}
