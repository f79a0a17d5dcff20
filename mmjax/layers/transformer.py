"""The pre-norm Transformer that every sequence encoder is made of."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mmjax.layers.attention import (
  Attend,
  MultiHeadAttention,
  dot_product_attention,
)
from mmjax.types import Tokens


class Mlp(nn.Module):
  """Two dense layers, applied to each position alone."""

  hidden: int
  """Width between the two layers."""
  out: int | None = None
  """Width of the result; that of the input if None."""
  activation: Callable[[Array], Array] = jax.nn.gelu
  """Nonlinearity between the two layers."""
  dropout: float = 0.0
  """Probability of zeroing a hidden unit in training."""

  @nn.compact
  def __call__(
    self, x: Float[Array, '*b d'], *, train: bool = False
  ) -> Float[Array, '*b e']:
    """Computes `dense(activation(dense(x)))`."""
    out = x.shape[-1] if self.out is None else self.out
    x = self.activation(nn.Dense(self.hidden, name='up')(x))
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    return nn.Dense(out, name='down')(x)


class Block(nn.Module):
  """Attention and MLP, each behind a norm and beside a residual path.

  With `context` the attention looks there instead of at `x` itself.
  """

  heads: int
  mlp_ratio: float = 4.0
  dropout: float = 0.0
  activation: Callable[[Array], Array] = jax.nn.gelu
  attend: Attend = dot_product_attention

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b n d'],
    context: Float[Array, 'b m e'] | None = None,
    *,
    mask: Bool[Array, '#b 1 #n m'] | None = None,
    train: bool = False,
  ) -> Float[Array, 'b n d']:
    """Runs the block; see `Transformer` for the fields."""
    drop = nn.Dropout(self.dropout, deterministic=not train)
    y = nn.LayerNorm(name='attention_norm')(x)
    if context is not None:
      context = nn.LayerNorm(name='context_norm')(context)
    y = MultiHeadAttention(self.heads, self.attend, name='attention')(
      y, context, mask=mask
    )
    x = x + drop(y)
    y = nn.LayerNorm(name='mlp_norm')(x)
    hidden = int(x.shape[-1] * self.mlp_ratio)
    mlp = Mlp(
      hidden,
      activation=self.activation,
      dropout=self.dropout,
      name='mlp',
    )
    return x + drop(mlp(y, train=train))


class Transformer(nn.Module):
  """A stack of pre-norm blocks and a last norm.

  An Image is Worth 16x16 Words, figure 1 (https://arxiv.org/abs/2010.11929).
  """

  depth: int
  """Number of blocks."""
  heads: int
  """Attention heads of each block."""
  mlp_ratio: float = 4.0
  """Hidden width of the MLP, over the width."""
  dropout: float = 0.0
  """Probability of zeroing a unit of each residual branch in training."""
  activation: Callable[[Array], Array] = jax.nn.gelu
  """Nonlinearity of the MLP."""
  attend: Attend = dot_product_attention
  """Attention of `[b k n h]` arrays."""
  causal: bool = False
  """Whether a token sees only itself and those before it."""

  @nn.compact
  def __call__(self, tokens: Tokens, *, train: bool = False) -> Tokens:
    """Lets the real tokens exchange what they know."""
    x, real = tokens
    mask = real[:, None, None, :]
    if self.causal:
      n = x.shape[1]
      mask = mask & jnp.tril(jnp.ones((n, n), bool))[None, None]
    for i in range(self.depth):
      x = Block(
        heads=self.heads,
        mlp_ratio=self.mlp_ratio,
        dropout=self.dropout,
        activation=self.activation,
        attend=self.attend,
        name=f'block_{i}',
      )(x, mask=mask, train=train)
    return Tokens(nn.LayerNorm(name='norm')(x), real)
