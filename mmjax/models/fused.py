"""Encoders, one fusion, and heads for what is asked about all of it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from mmjax.models.aligned import encode
from mmjax.types import Batch


class Fused(nn.Module):
  """Encodes each modality, fuses the tokens and answers through heads.

  The same program serves examples that lack a modality.
  """

  encoders: Mapping[str, nn.Module]
  """The encoder of each modality."""
  fusion: nn.Module
  """`dict[str, Tokens] -> Tokens`."""
  heads: Mapping[str, nn.Module]
  """Heads on the fused tokens: name of the output -> head."""
  modality_heads: Mapping[str, Mapping[str, nn.Module]] = dataclasses.field(
    default_factory=dict
  )
  """Heads on one modality's own tokens: modality -> name of output -> head."""
  alignment: Any = None
  """If given, the towers' embeddings are computed too: Alignment."""

  def __post_init__(self):
    """Checks that no two heads write the same output."""
    own = [n for heads in self.modality_heads.values() for n in heads]
    twice = [n for n in own if n in self.heads or own.count(n) > 1]
    if twice:
      raise ValueError(f'two heads are named {twice[0]!r}')
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Gives `tokens`, `fused`, `logits` by head, and what `alignment` adds."""
    tokens = encode(self.encoders, batch, train=train)
    fused = self.fusion(tokens, train=train)
    logits = {n: head(fused, train=train) for n, head in self.heads.items()}
    for modality, heads in self.modality_heads.items():
      for name, head in heads.items():
        logits[name] = head(tokens[modality], train=train)
    aligned = {} if self.alignment is None else self.alignment(tokens)
    return {'tokens': tokens, 'fused': fused, 'logits': logits, **aligned}
