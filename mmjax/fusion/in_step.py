"""Fusion moment by moment, of modalities that run along the same time."""

import functools
import operator
from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Int

from mmjax.fusion.attention import AttentionFusion
from mmjax.fusion.project import project
from mmjax.layers.style import Style
from mmjax.layers.transformer import Transformer
from mmjax.masking import where_real
from mmjax.types import Tokens


class InStep(AttentionFusion):
  """The tokens of each moment added up, and a Transformer over the moments.

  `x_i = sum_m W_m x_m,j(m, i)`, with a learned vector for a modality that is
  not there. The arrays of all modalities hold the same time, and their tokens
  stand at even distances; there are as many moments as the first modality has
  tokens, and of the others the nearest token counts. For speech and lips, as in
  Deep Audio-Visual Speech Recognition (https://arxiv.org/abs/1809.02108), and
  for CTC, as there is no token of the fusion's own.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> audio = Tokens(jnp.zeros((2, 6, 16)), jnp.ones((2, 6), bool))
    >>> video = Tokens(jnp.zeros((2, 3, 8)), jnp.ones((2, 3), bool))
    >>> fusion = InStep(modalities=('audio', 'video'), width=32)
    >>> fused, params = fusion.init_with_output(
    ...     jax.random.key(0), {'audio': audio, 'video': video})
    >>> fused.x.shape
    (2, 6, 32)
  """

  style: Style = Style()
  """Norms, nonlinearity and biases of the Transformer; with `rotary` positions
  moments know how far apart they are, whatever the encoders told."""

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to a token for each moment, real where any modality is."""
    moments = tokens[self.modalities[0]].x.shape[1]
    parts, masks = [], []
    for name in self.modalities:
      x, mask = tokens[name]
      index = nearest(x.shape[1], moments)
      x, mask = x[:, index], mask[:, index]
      absent = self.param(
        f'{name}_absent', nn.initializers.normal(0.02), (1, 1, self.width)
      )
      x = project(name, where_real(x, mask), self.width)
      parts.append(jnp.where(mask[..., None], x, absent.astype(x.dtype)))
      masks.append(mask)
    total = functools.reduce(operator.add, parts)
    real = functools.reduce(operator.or_, masks)
    return Transformer(
      depth=self.depth,
      heads=self.heads,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      style=self.style,
      name='transformer',
    )(Tokens(total, real), train=train)


def nearest(count: int, moments: int) -> Int[Array, ' n']:
  """Which of so many even stretches of time each moment's middle lies in."""
  return (2 * jnp.arange(moments) + 1) * count // (2 * moments)
