"""The pre-norm Transformer that every sequence encoder is made of."""

from collections.abc import Callable
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Bool, Float

from mmjax.layers.attention import (
  Attend,
  MultiHeadAttention,
  dot_product_attention,
)
from mmjax.types import Tokens

Remat = Literal['none', 'projections', 'full']
# What the backward pass of a block does not compute again. The names are those
# of `checkpoint_name` in attention and MLP.
_PROJECTIONS = ('query', 'key', 'value', 'attended', 'hidden')


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
    x = checkpoint_name(nn.Dense(self.hidden, name='up')(x), 'hidden')
    x = self.activation(x)
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
  scan: bool = False
  """Whether one compiled block loops over parameters that are stacked along a
  first axis, under `blocks`: compile time does not grow with depth."""
  remat: Remat = 'none'
  """What the backward pass computes again, to save memory: nothing, all but the
  projections, or the full block."""

  @nn.compact
  def __call__(self, tokens: Tokens, *, train: bool = False) -> Tokens:
    """Lets the real tokens exchange what they know."""
    x, real = tokens
    mask = real[:, None, None, :]
    if self.causal:
      n = x.shape[1]
      mask = mask & jnp.tril(jnp.ones((n, n), bool))[None, None]
    if self.scan and self.depth:
      x = self._scanned(x, mask, train)
    else:
      for i in range(self.depth):
        x = self._run(train)(self._block(f'block_{i}'), x, mask)
    return Tokens(nn.LayerNorm(name='norm')(x), real)

  def _scanned(self, x: Array, mask: Array, train: bool) -> Array:
    run = self._run(train)
    loop = nn.scan(
      lambda block, x, _: (run(block, x, mask), None),
      variable_axes={'params': 0, 'intermediates': 0},
      split_rngs={'params': True, 'dropout': True},
      length=self.depth,
    )
    return loop(self._block('blocks'), x, None)[0]

  def _run(self, train: bool) -> Callable[[Block, Array, Array], Array]:
    def run(block: Block, x: Array, mask: Array) -> Array:
      return block(x, mask=mask, train=train)

    if self.remat == 'none':
      return run
    policy = jax.checkpoint_policies.nothing_saveable
    if self.remat == 'projections':
      policy = jax.checkpoint_policies.save_only_these_names(*_PROJECTIONS)
    # Inside a loop nothing could be merged with the forward pass anyway.
    return nn.remat(run, policy=policy, prevent_cse=not self.scan)

  def _block(self, name: str) -> Block:
    return Block(
      heads=self.heads,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      activation=self.activation,
      attend=self.attend,
      name=name,
    )
