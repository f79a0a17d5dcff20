"""Masked modelling: parts of the input are hidden and must be told."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from mmjax.layers.embed import PatchProjection
from mmjax.masking import full_precision, where_real
from mmjax.models.wrapper import Wrapper
from mmjax.types import Batch, Outputs


class Masked(Wrapper):
  """A model that sees its inputs with holes in training, and fills them in.

  Of `patches` modalities a learned vector replaces the embeddings of some
  patches, and a linear layer on the encoder's tokens predicts what was in them
  (normalised pixels, log-mel energies): SimMIM
  (https://arxiv.org/abs/2111.09886), for sounds as in Audio-MAE
  (https://arxiv.org/abs/2207.06405). Of `text` modalities some token ids are
  replaced, 80 % of them by `mask_id`, 10 % by any other id and 10 % by
  themselves, and a linear layer predicts the ids: BERT
  (https://arxiv.org/abs/1810.04805, section 3.1).

  What is hidden follows from the rng stream `masking` and the example's
  `index` alone, so neither devices nor micro-batches change it. What else the
  model computes, it computes from the same inputs with holes. Without `train`
  nothing is hidden and nothing predicted. The paths of the model's own
  parameters stay what they are without this, so that fine-tuning starts from
  them (`warm_start`).
  """

  model: nn.Module
  """Gives `tokens`; its encoders are in a field `encoders`."""
  patches: Mapping[str, float] = dataclasses.field(default_factory=dict)
  """Modality -> probability of hiding each patch (SimMIM: 0.6)."""
  text: Mapping[str, float] = dataclasses.field(default_factory=dict)
  """Modality -> probability of hiding each token (BERT: 0.15)."""
  mask_id: int = 3
  """Token id that stands for what is hidden."""
  first_id: int = 4
  """Smallest id of a word or byte; smaller ones are never hidden."""
  vocabulary: int = 260
  """Number of token ids."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    for field in ('patches', 'text'):
      for name, rate in getattr(self, field).items():
        if not 0 < rate < 1:
          raise ValueError(f'{field}.{name} {rate} is not between 0 and 1')
    both = sorted({*self.patches} & {*self.text})
    if both:
      raise ValueError(f'{both[0]!r} is both in patches and in text')
    if not self.mask_id < self.first_id < self.vocabulary:
      raise ValueError(
        f'mask_id {self.mask_id}, first_id {self.first_id} and vocabulary '
        f'{self.vocabulary} do not rise'
      )
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Adds `masked`, by modality, in training.

    It has `prediction`: `[b n p]` patches or `[b t vocabulary]` logits;
    `weight` `[b n]`: 1 where a real token was hidden; and `target` `[b n p]`
    of patches. The targets of text are those of the batch.

    Raises:
      ValueError: a modality of `patches` has no patches.
    """
    if not train and not self.is_initializing():
      return self.model(batch)
    names = (*self.patches, *self.text)
    keys = dict(zip(names, self._keys(batch, len(names), train), strict=True))
    seen, hidden = dict(batch), {}
    for name, rate in self.text.items():
      seen[name], hidden[name] = self._hide_ids(
        batch[name], batch['mask'][name], keys[name], rate if train else 0.0
      )
    patches = {}

    def intercept(call, args, kwargs, context):
      out = call(*args, **kwargs)
      name = _modality(context.module, self.patches)
      if name is None:
        return out
      rate = self.patches[name] if train else 0.0
      patches[name] = args[0]
      hidden[name] = _draw(keys[name], out.shape[1]) < rate
      init = nn.initializers.normal(0.02)
      token = self.param(f'{name}_mask_token', init, (1, 1, out.shape[-1]))
      return jnp.where(hidden[name][..., None], token.astype(out.dtype), out)

    with nn.intercept_methods(intercept):
      outputs = self.model(seen, train=train)
    masked = dict(outputs.get('masked', {}))
    for name in self.patches:
      if name not in patches:
        raise ValueError(f'the encoder of {name!r} has no patches to hide')
      target = full_precision(patches[name])
      masked[name] = self._predict(outputs, name, hidden[name], target.shape[2])
      real = masked[name]['weight'] > 0
      target = jax.lax.stop_gradient(where_real(target, real))
      masked[name]['target'] = target
    for name in self.text:
      masked[name] = self._predict(outputs, name, hidden[name], self.vocabulary)
    return {**outputs, 'masked': masked}

  def _keys(self, batch: Batch, count: int, train: bool):
    """For each modality, a key for each example."""
    root = self.make_rng('masking') if train else jax.random.key(0)

    def of_one(index):
      return jax.random.split(jax.random.fold_in(root, index), count)

    return jnp.moveaxis(jax.vmap(of_one)(batch['index']), 1, 0)

  def _hide_ids(
    self,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    keys: Key[Array, ' b'],
    rate: float,
  ) -> tuple[Int[Array, 'b t'], Bool[Array, 'b t']]:
    """Ids with holes, and where they are."""
    which, how, what = jnp.moveaxis(jax.vmap(_split_in_three)(keys), 1, 0)
    t = text.shape[1]
    hidden = mask & (text >= self.first_id) & (_draw(which, t) < rate)
    draw = _draw(how, t)
    span = self.vocabulary - self.first_id
    random = self.first_id + (_draw(what, t) * span).astype(text.dtype)
    new = jnp.where(
      draw < 0.8, self.mask_id, jnp.where(draw < 0.9, random, text)
    )
    return jnp.where(hidden, new.astype(text.dtype), text), hidden

  def _predict(
    self,
    outputs: Outputs,
    name: str,
    hidden: Bool[Array, 'b n'],
    size: int,
  ) -> dict[str, Float[Array, 'b n ...']]:
    """A prediction for each place, and which count."""
    # A class token, if there is one, stands before the others.
    n = hidden.shape[1]
    x, real = (array[:, -n:] for array in outputs['tokens'][name])
    x = nn.Dense(size, name=f'{name}_prediction')(where_real(x, real))
    weight = (hidden & real).astype(jnp.float32)
    return {'prediction': full_precision(x), 'weight': weight}


def _modality(module: nn.Module, names: Iterable[str]) -> str | None:
  """Whose patches a module projects, if it does."""
  # A function, because the interceptor would intercept a method of its own.
  if not isinstance(module, PatchProjection):
    return None
  owners = [name for name in names if f'encoders_{name}' in module.path]
  return owners[0] if owners else None


def _draw(keys: Key[Array, ' b'], n: int) -> Float[Array, 'b n']:
  """Uniform numbers in 0..1 for each example."""
  return jax.vmap(lambda key: jax.random.uniform(key, (n,)))(keys)


def _split_in_three(key: Key[Array, '']) -> Key[Array, '3']:
  return jax.random.split(key, 3)
