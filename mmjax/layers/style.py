"""What tells one family of Transformers from another."""

import dataclasses
from collections.abc import Callable
from typing import Literal

import flax.linen as nn
import jax
from jaxtyping import Array, Float

from mmjax.layers.attention import PROJECTIONS, Attend, dot_product_attention
from mmjax.layers.rotary import Rotary


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
  kv_heads: int | None = None
  """Heads of keys and values, which the attention heads share
  (https://arxiv.org/abs/2305.13245); as many as those if None."""
  head_width: int | None = None
  """Features of each head; an equal part of the width if None."""
  rotary: Rotary | None = None
  """What turns queries and keys by their places, instead of positions that are
  added to the tokens (https://arxiv.org/abs/2104.09864)."""
  window: int | None = None
  """How many tokens one sees of a causal Transformer, itself the last of them
  (https://arxiv.org/abs/2310.06825, section 2); None for all."""
  attend: Attend = dot_product_attention
  """Attention of `[b k n h]` arrays; pass another implementation here."""
