"""What tells one family of Transformers from another."""

import dataclasses
from collections.abc import Callable
from typing import Literal

import flax.linen as nn
import jax
from jaxtyping import Array, Float

from mmjax.layers.attention import PROJECTIONS, Attend, dot_product_attention


def gelu(x: Float[Array, '*b']) -> Float[Array, '*b']:
  """`x Phi(x)`, Phi being the normal distribution: not the tanh that
  `jax.nn.gelu` takes for it (https://arxiv.org/abs/1606.08415)."""
  return jax.nn.gelu(x, approximate=False)


def quick_gelu(x: Float[Array, '*b']) -> Float[Array, '*b']:
  """`x sigmoid(1.702 x)`, of the same paper; OpenAI's CLIP has it."""
  return x * jax.nn.sigmoid(1.702 * x)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Style:
  """How the blocks of a Transformer are made; the default is ViT's."""

  norm: nn.Module = nn.LayerNorm()
  """Copied for each place that needs one: LayerNorm or RMSNorm."""
  order: Literal['pre', 'post'] = 'pre'
  """Whether a norm stands in front of each residual branch, or, as in BERT,
  behind each sum."""
  first_norm: bool = False
  """Whether a norm stands in front of the first block."""
  last_norm: bool = True
  """Whether a norm stands behind the last block."""
  activation: Callable[[Array], Array] = jax.nn.gelu
  """Nonlinearity of the MLP."""
  gated: bool = False
  """Whether the hidden layer of the MLP is multiplied by a second one: SwiGLU
  and its kin (https://arxiv.org/abs/2002.05202)."""
  biases: tuple[str, ...] = (*PROJECTIONS, 'mlp')
  """Which linear layers have one: query, key, value, out, mlp."""
  layer_scale: float | None = None
  """First value of a learned factor of each residual branch and channel
  (https://arxiv.org/abs/2103.17239); None for no factor."""
  attend: Attend = dot_product_attention
  """Attention of `[b k n h]` arrays; pass another implementation here."""
