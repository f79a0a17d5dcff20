"""Towers whose embeddings live in one space: CLIP, with any modalities."""

import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from mmjax.masking import full_precision, present, where_real
from mmjax.types import Batch, Outputs, Tokens


class Alignment(nn.Module):
  """Projects each modality's pooled tokens to unit vectors of one space."""

  pools: Mapping[str, nn.Module]
  """How each modality becomes one vector; names the modalities."""
  width: int | None = 256
  """Width of the shared space; None if the pools' vectors are in it already."""
  scale: float = 1 / 0.07
  """First value of the learned scale of similarities."""
  bias: float | None = 0.0
  """First value of their learned bias (sigmoid loss: -10); None for none."""
  max_scale: float = 100.0
  """What the scale never exceeds, as in CLIP
  (https://arxiv.org/abs/2103.00020)."""
  own_scales: bool = False
  """Whether each modality has a learned scale of its own, for its similarities
  to all of another one, as in LAION's CLAP (https://arxiv.org/abs/2211.06687).
  The common one then is their geometric mean."""

  @nn.compact
  def __call__(self, tokens: Mapping[str, Tokens]) -> Outputs:
    """Computes `embeddings` and the learned scalars in `shared`.

    Scales are kept as their logarithms. An absent modality embeds to zero.
    """
    embeddings = {}
    for name, pool in self.pools.items():
      x = pool(tokens[name])
      if self.width is not None:
        x = nn.Dense(self.width, use_bias=False, name=f'{name}_projection')(x)
      x = full_precision(x)
      # The square root has no gradient at zero; absent examples get there.
      norm = jnp.sqrt(jnp.maximum((x**2).sum(-1, keepdims=True), 1e-12))
      embeddings[name] = where_real(x / norm, present(tokens[name].mask))
    init = nn.initializers.constant
    bias = jnp.zeros(())
    if self.bias is not None:
      bias = self.param('bias', init(self.bias), ())
    shared = {**self._scales(), 'logit_bias': bias}
    return {'embeddings': embeddings, 'shared': shared}

  def _scales(self) -> dict[str, Any]:
    init = nn.initializers.constant(math.log(self.scale))
    most = math.log(self.max_scale)
    if not self.own_scales:
      log_scale = self.param('log_scale', init, ())
      return {'logit_scale': jnp.exp(jnp.minimum(log_scale, most))}
    logs = {
      name: jnp.minimum(self.param(f'{name}_log_scale', init, ()), most)
      for name in self.pools
    }
    common = jnp.exp(sum(logs.values()) / len(logs))
    own = {name: jnp.exp(x) for name, x in logs.items()}
    return {'logit_scale': common, 'logit_scales': own}


class Aligned(nn.Module):
  """One encoder for each modality and one space for all of them.

  Example:
    See `configs/digits.py`; a model for pairs is
    `Aligned(encoders={'image': ViT(...), 'text': TextTransformer(...)},
    alignment=Alignment(pools={'image': MeanPool(), 'text': LastToken()}))`.
  """

  encoders: Mapping[str, nn.Module]
  """The encoder of each modality."""
  alignment: nn.Module
  """`dict[str, Tokens] ->` embeddings and learned scalars: Alignment."""

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Gives `tokens`, `embeddings` and `shared`."""
    tokens = encode(self.encoders, batch, train=train)
    return {'tokens': tokens, **self.alignment(tokens)}


def encode(
  encoders: Mapping[str, nn.Module], batch: Batch, *, train: bool
) -> dict[str, Tokens]:
  """Runs each declared modality's encoder on its part of the batch.

  Raises:
    ValueError: the batch has no such modality.
  """
  tokens = {}
  for name, encoder in encoders.items():
    if name not in batch:
      raise ValueError(
        f'the model has an encoder for {name!r}, the batch has only '
        f'{sorted(batch["mask"])}'
      )
    tokens[name] = encoder(batch[name], batch['mask'][name], train=train)
  return tokens
