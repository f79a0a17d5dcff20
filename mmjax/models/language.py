"""A language model: what comes behind each token of a text."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from mmjax.masking import full_precision
from mmjax.models.aligned import encode
from mmjax.types import Batch


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
    tokens = encode(self.encoders, batch, train=train)
    encoder: Any = self.encoders['text']
    text = tokens['text']
    scores = encoder.scores if self.head is None else self.head
    logits = full_precision(scores(text.x))
    return {'tokens': tokens, 'fused': text, 'logits': {'logits': logits}}
