"""A language model that reads pictures and sounds between its words."""

from collections.abc import Mapping
from typing import Any

import einops
import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mmjax.layers.cache import Slots
from mmjax.masking import where_real
from mmjax.types import Batch, Tokens

Media = Mapping[str, Tokens]
"""Modality -> its tokens in the language model's width, the real ones first."""


class Assistant(nn.Module):
  """Encoders, a projector for each, and a causal language model.

  Where a modality's placeholder stands in the text, the model reads one of the
  modality's tokens in the id's place: the first placeholder the first real
  token, and so on, item by item. So each item has as many placeholders as its
  projector gives it tokens; `mmjax.data.chat` writes them. A placeholder for
  which there is no token, as that of a missing picture, stays the id it is, and
  its vector can learn to say so. Answers have none: the rule `Suppress` forbids
  a model that is hardly trained to write them.

  The LLaVA recipe (https://arxiv.org/abs/2304.08485). Parts that are not to
  learn are named by the optimiser: `Groups(frozen=('^encoders_', ...))`. The
  objective is `NextToken(only='answer')`.

  Example:
    `Assistant(encoders={'image': ViT()}, projectors={'image':
    MlpProjector(width=384)}, placeholders={'image': 260}, language=
    LanguageModel(encoders={'text': TextTransformer(causal=True, ...)}))`; the
    language model is also that of `pretrained.find(name).model`.
  """

  encoders: Mapping[str, nn.Module]
  """The encoder of each modality that is read between words."""
  projectors: Mapping[str, nn.Module]
  """`Tokens -> Tokens` in the language model's width, of each modality:
  LinearProjector, MlpProjector or Resampler."""
  language: nn.Module
  """LanguageModel."""
  placeholders: Mapping[str, int]
  """Token id that stands for one token of each modality."""
  target: str = 'text'
  """Batch key of the text."""

  def __post_init__(self):
    """Checks that the modalities are the same everywhere."""
    names = {
      'projectors': set(self.projectors),
      'placeholders': set(self.placeholders),
    }
    for name, found in names.items():
      if found != set(self.encoders):
        raise ValueError(
          f'{name} are of {sorted(found)}, encoders of {sorted(self.encoders)}'
        )
    ids = list(self.placeholders.values())
    if len(set(ids)) < len(ids):
      raise ValueError(f'placeholders {dict(self.placeholders)} are not unique')
    if self.target in self.encoders:
      raise ValueError(f'target {self.target!r} has an encoder')
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Gives `tokens`, `fused` and `logits`: `{'logits': [b t vocabulary]}`.

    Args:
      batch: the text; of each modality `[b n ...]`, n items of an example in
        their order, with masks `[b n ...]`. A modality that the batch does not
        have is in none of its examples.
      train: whether dropout is on.

    Raises:
      ValueError: there is no text, or, of the batch that initialises, a
        modality is missing.
    """
    outputs, read = self.write(batch, train=train)
    language: Any = self.language
    return {**outputs, 'logits': {'logits': language.scores(read.x)}}

  def write(
    self, batch: Batch, *, train: bool
  ) -> tuple[dict[str, Any], Tokens]:
    """All that `__call__` gives but logits, and the tokens that have them."""
    if self.target not in batch:
      raise ValueError(
        f'the model writes {self.target!r}, the batch has only '
        f'{sorted(batch["mask"])}'
      )
    tokens, media = self.listen(batch, train=train)
    text, mask = batch[self.target], batch['mask'][self.target]
    language: Any = self.language
    placed = self._placed(text, mask, media)
    read = language.read(text, mask, placed=placed, train=train)
    return {'tokens': {**tokens, self.target: read}, 'fused': read}, read

  def scorer(self) -> nn.Module:
    """The layer whose parameters give the logits."""
    language: Any = self.language
    return language.scorer()

  def listen(
    self, batch: Batch, *, train: bool = False
  ) -> tuple[dict[str, Tokens], dict[str, Tokens]]:
    """Each modality's tokens, all items in a row, and what is read of them."""
    tokens, media = {}, {}
    for name, encoder in self.encoders.items():
      if name not in batch and not self.is_initializing():
        continue
      if name not in batch:
        raise ValueError(
          f'the model reads {name!r}, the batch has only '
          f'{sorted(batch["mask"])}'
        )
      items = batch[name], batch['mask'][name]
      encoded = _each_item(encoder, *items, train=train)
      projected = _each_item(self.projectors[name], encoded, train=train)
      tokens[name] = _in_a_row(encoded)
      media[name] = _real_first(_in_a_row(projected))
    return tokens, media

  def decode(
    self,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    slots: Slots,
    media: Media | None = None,
  ) -> Float[Array, 'b vocabulary']:
    """Logits of what comes behind the last id; see `LanguageModel.decode`.

    Only the first call has placeholders, and needs what stands for them.
    """
    language: Any = self.language
    placed = self._placed(text, mask, media or {})
    return language.decode(text, mask, slots, placed)

  def _placed(
    self, text: Int[Array, 'b t'], mask: Bool[Array, 'b t'], media: Media
  ) -> Tokens | None:
    """The tokens that stand in the place of ids of the text."""
    total, where = None, jnp.zeros(text.shape, bool)
    for name, (x, real) in media.items():
      asks = (text == self.placeholders[name]) & mask
      number = jnp.cumsum(asks, axis=1) - 1
      here = asks & (number < real.sum(axis=1, keepdims=True))
      index = jnp.where(here, number, 0)[..., None]
      found = where_real(jnp.take_along_axis(x, index, axis=1), here)
      total = found if total is None else total + found
      where = where | here
    return None if total is None else Tokens(total, where)


def _each_item(module: Any, *args: Any, train: bool) -> Tokens:
  """Runs a module on each item `[b ...]` of `[b n ...]`.

  The batch stays the first axis, so that dropout belongs to the examples.
  """

  def run(module, *args):
    return module(*args, train=train)

  over = nn.vmap(
    run,
    in_axes=1,
    out_axes=1,
    variable_axes={'params': None, 'constants': None, 'batch_stats': None},
    split_rngs={'params': False, 'dropout': True},
  )
  return over(module, *args)


def _in_a_row(tokens: Tokens) -> Tokens:
  """`[b n p d]` to `[b (n p) d]`."""
  return Tokens(
    einops.rearrange(tokens.x, 'b n p d -> b (n p) d'),
    einops.rearrange(tokens.mask, 'b n p -> b (n p)'),
  )


def _real_first(tokens: Tokens) -> Tokens:
  """The real tokens in their order, and what is padding behind them."""
  order = jnp.argsort(~tokens.mask, axis=1, stable=True)
  x = jnp.take_along_axis(where_real(*tokens), order[..., None], axis=1)
  return Tokens(x, jnp.take_along_axis(tokens.mask, order, axis=1))
