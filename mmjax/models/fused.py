"""Encoders, one fusion, and heads for what is asked about all of it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from mmjax.fusion.vote import vote
from mmjax.masking import present
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
  votes: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
  """Name of an output -> the outputs whose log-probabilities it averages; those
  of an absent modality's own heads don't count."""
  alignment: Any = None
  """If given, the towers' embeddings are computed too: Alignment."""

  def __post_init__(self):
    """Checks that no two heads write the same output."""
    own = [n for heads in self.modality_heads.values() for n in heads]
    twice = [n for n in own if n in self.heads or own.count(n) > 1]
    if twice:
      raise ValueError(f'two heads are named {twice[0]!r}')
    for name, voters in self.votes.items():
      unknown = [v for v in voters if v not in own and v not in self.heads]
      if unknown or not voters:
        raise ValueError(
          f'votes {name!r} averages {voters}, the heads are '
          f'{sorted([*self.heads, *own])}'
        )
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Gives `tokens`, `fused`, `logits` by head, and what `alignment` adds."""
    tokens = encode(self.encoders, batch, train=train)
    fused = self.fusion(tokens, train=train)
    logits = {n: head(fused, train=train) for n, head in self.heads.items()}
    here = dict.fromkeys(logits, present(fused.mask))
    for modality, heads in self.modality_heads.items():
      for name, head in heads.items():
        logits[name] = head(tokens[modality], train=train)
        here[name] = present(tokens[modality].mask)
    for name, voters in self.votes.items():
      logits[name] = vote(
        [logits[v] for v in voters], [here[v] for v in voters]
      )
    aligned = {} if self.alignment is None else self.alignment(tokens)
    return {'tokens': tokens, 'fused': fused, 'logits': logits, **aligned}
