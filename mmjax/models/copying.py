"""A generative model that can copy what it reads."""

from typing import Any, NamedTuple

import flax.linen as nn
from jaxtyping import Array, Bool, Float, Int

from mmjax.decoders.pointer import Pointer, Source
from mmjax.layers.cache import Slots
from mmjax.models.generative import Generative
from mmjax.types import Batch, Tokens


class CopyContext(NamedTuple):
  """What a decoder listens to, and what it may copy.

  Attributes:
    fused: what the fusion made of all encoders' tokens.
    source: the text that can be copied.
  """

  fused: Tokens
  source: Source


class Copying(Generative):
  """Writes a text about what it reads, and copies of it what it has no word
  for: names, versions, addresses.

  The text that is read and the one that is written have one vocabulary.

  Example:
    `Copying(encoders={'document': TextTransformer()},
    fusion=Only(modality='document'), decoder=TextDecoder())` with the objective
    `NextToken()`.
  """

  pointer: nn.Module = Pointer()
  """`(x, logits, source) -> log-probabilities`: Pointer."""
  source: str = 'document'
  """The text that can be copied: one token of its encoder for each id."""

  def __post_init__(self):
    """Checks that the source is read."""
    if self.source not in self.encoders:
      raise ValueError(
        f'source {self.source!r} is none of the encoders {[*self.encoders]}'
      )
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Gives what `Generative` does; the logits are log-probabilities.

    Raises:
      ValueError: the batch lacks a modality or the target.
    """
    outputs = super().__call__(batch, train=train)
    written = outputs['tokens'][self.target]
    pointer: Any = self.pointer
    log_p = pointer(
      written.x,
      outputs['logits']['logits'],
      Source(batch[self.source], outputs['tokens'][self.source]),
    )
    return {**outputs, 'logits': {'logits': log_p}}

  def scorer(self) -> nn.Module:
    """Raises ValueError: no layer gives what this model says of a word."""
    raise ValueError(
      'Copying adds what it copies to the probabilities of all words, so it '
      'cannot be Unscored'
    )

  def listen(
    self, batch: Batch, *, train: bool = False
  ) -> tuple[dict[str, Tokens], Any]:
    """Each modality's tokens, and a `CopyContext`."""
    tokens, fused = super().listen(batch, train=train)
    source = Source(batch[self.source], tokens[self.source])
    return tokens, CopyContext(fused, source)

  def decode(
    self,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    slots: Slots,
    context: Any = None,
  ) -> Float[Array, 'b vocabulary']:
    """Log-probabilities of what comes behind the last id; `context` is what
    `listen` gives."""
    fused, source = (None, None) if context is None else context
    decoder: Any = self.decoder
    pointer: Any = self.pointer
    x = decoder(text, mask, fused, slots=slots).x[:, -1:]
    return pointer(x, decoder.scores(x), source, slots=slots)[:, 0]
