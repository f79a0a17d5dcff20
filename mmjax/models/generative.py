"""Encoders, one fusion, and a decoder that writes a text about all of it."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
from jaxtyping import Array, Bool, Float, Int

from mmjax.layers.cache import Slots
from mmjax.models.aligned import encode
from mmjax.types import Batch, Tokens


class Generative(nn.Module):
  """Encodes and fuses modalities, and decodes a text that listens to them.

  Captions, transcripts, answers, translations and summaries: the text that is
  to be written stands in the batch too, under the name of `target`, and each
  of its tokens is predicted from those before it.

  Example:
    `Generative(encoders={'image': ViT()}, fusion=Only(modality='image'),
    decoder=TextDecoder())` with the objective `NextToken()`.
  """

  encoders: Mapping[str, nn.Module]
  """The encoder of each modality that is listened to."""
  fusion: nn.Module
  """`dict[str, Tokens] -> Tokens`."""
  decoder: nn.Module
  """`(text, mask, context) -> Tokens`, with `scores`: TextDecoder."""
  target: str = 'text'
  """Batch key of the text that is written."""

  def __post_init__(self):
    """Checks that what is written is not what is read."""
    if self.target in self.encoders:
      raise ValueError(
        f'target {self.target!r} has an encoder, which would read the answer'
      )
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Gives `tokens` (the target's too), `fused` and `logits`:
    `{'logits': [b t vocabulary]}`, of the token behind each.

    Raises:
      ValueError: the batch lacks a modality or the target.
    """
    outputs, written = self.write(batch, train=train)
    decoder: Any = self.decoder
    return {**outputs, 'logits': {'logits': decoder.scores(written.x)}}

  def write(
    self, batch: Batch, *, train: bool
  ) -> tuple[dict[str, Any], Tokens]:
    """All that `__call__` gives but logits, and the tokens that have them."""
    if self.target not in batch:
      raise ValueError(
        f'the model writes {self.target!r}, the batch has only '
        f'{sorted(batch["mask"])}'
      )
    tokens, fused = self._encode(batch, train=train)
    text, mask = batch[self.target], batch['mask'][self.target]
    decoder: Any = self.decoder
    written = decoder(text, mask, fused, train=train)
    tokens = {**tokens, self.target: written}
    return {'tokens': tokens, 'fused': fused}, written

  def scorer(self) -> nn.Module:
    """The layer whose parameters give the logits."""
    decoder: Any = self.decoder
    return decoder.embed if decoder.head is None else decoder.head

  def listen(
    self, batch: Batch, *, train: bool = False
  ) -> tuple[dict[str, Tokens], Tokens]:
    """Each modality's tokens, and what the fusion makes of them."""
    return self._encode(batch, train=train)

  def _encode(
    self, batch: Batch, *, train: bool
  ) -> tuple[dict[str, Tokens], Tokens]:
    tokens = encode(self.encoders, batch, train=train)
    fusion: Any = self.fusion
    return tokens, fusion(tokens, train=train)

  def decode(
    self,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    slots: Slots,
    context: Tokens | None = None,
  ) -> Float[Array, 'b vocabulary']:
    """Logits of what comes behind the last id; see `LanguageModel.decode`."""
    decoder: Any = self.decoder
    written = decoder(text, mask, context, slots=slots)
    return decoder.scores(written.x[:, -1:])[:, 0]
