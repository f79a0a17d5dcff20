"""A language model: what comes behind each token of a text."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
from jaxtyping import Array, Bool, Float, Int

from mmjax.layers.cache import Slots
from mmjax.masking import full_precision
from mmjax.models.aligned import encode
from mmjax.types import Batch, Tokens


class LanguageModel(nn.Module):
  """A causal text encoder, and for each of its tokens the logits of the next.

  Without a head, these are products with the vectors of the encoder's own
  embedding: Using the Output Embedding to Improve Language Models
  (https://arxiv.org/abs/1608.05859).

  Example:
    `LanguageModel(encoders={'text': TextTransformer(causal=True)})`, or with
    an output layer of its own: `head=nn.Dense(260, use_bias=False)`.
  """

  encoders: Mapping[str, nn.Module]
  """`{'text': TextTransformer}`, the causal one."""
  head: nn.Module | None = None
  """`[b t d] -> [b t vocabulary]`, or None to share the embedding's vectors."""

  def __post_init__(self):
    """Checks that there is one encoder, of text."""
    if set(self.encoders) != {'text'}:
      raise ValueError(f"encoders are {sorted(self.encoders)}, not ['text']")
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Gives `tokens`, `fused` and `logits`: `{'logits': [b t vocabulary]}`."""
    outputs, text = self.write(batch, train=train)
    return {**outputs, 'logits': {'logits': self.scores(text.x)}}

  def write(
    self, batch: Batch, *, train: bool
  ) -> tuple[dict[str, Any], Tokens]:
    """All that `__call__` gives but logits, and the tokens that have them."""
    tokens = encode(self.encoders, batch, train=train)
    return {'tokens': tokens, 'fused': tokens['text']}, tokens['text']

  def scores(self, x: Float[Array, 'b t d']) -> Float[Array, 'b t vocabulary']:
    """Logits of the token behind each, in full precision."""
    encoder: Any = self.encoders['text']
    scores = encoder.scores if self.head is None else self.head
    return full_precision(scores(x))

  def scorer(self) -> nn.Module:
    """The layer whose parameters give the logits."""
    encoder: Any = self.encoders['text']
    return encoder.embed if self.head is None else self.head

  def read(
    self,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    *,
    placed: Tokens | None = None,
    slots: Slots | None = None,
    train: bool = False,
  ) -> Tokens:
    """A token for each id, or for a vector in its place (`TextTransformer`)."""
    encoder: Any = self.encoders['text']
    return encoder(text, mask, placed=placed, slots=slots, train=train)

  def decode(
    self,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    slots: Slots,
    placed: Tokens | None = None,
  ) -> Float[Array, 'b vocabulary']:
    """Logits of what comes behind the last of the new ids.

    The keys and values of those before them are in the variables of `cache`,
    which the first call makes and the others change (`mmjax/layers/cache.py`).

    Args:
      text: new ids, any value where masked.
      mask: which of them are real.
      slots: where they stand.
      placed: vectors in the place of some of them.
    """
    found = self.read(text, mask, placed=placed, slots=slots)
    return self.scores(found.x[:, -1:])[:, 0]
