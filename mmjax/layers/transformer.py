"""The Transformer that every sequence encoder is made of."""

from collections.abc import Callable
from typing import Any, Literal

import flax.linen as nn
import jax
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Bool, Float, Int

from mmjax.layers.attention import MultiHeadAttention
from mmjax.layers.cache import Slots, may_see
from mmjax.layers.style import Style
from mmjax.types import Tokens

Remat = Literal['none', 'projections', 'full']
# What the backward pass of a block does not compute again. The names are those
# of `checkpoint_name` in attention and MLP.
Run = Callable[..., Array]
"""`(block, x, mask, ...) -> x`."""
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
  gated: bool = False
  """Whether `activation(gate(x))` multiplies `up(x)`."""
  use_bias: bool = True
  """Whether the dense layers have biases."""

  @nn.compact
  def __call__(
    self, x: Float[Array, '*b d'], *, train: bool = False
  ) -> Float[Array, '*b e']:
    """Computes `down(activation(up(x)))`."""
    out = x.shape[-1] if self.out is None else self.out

    def dense(features, name):
      return nn.Dense(features, use_bias=self.use_bias, name=name)

    y = checkpoint_name(dense(self.hidden, 'up')(x), 'hidden')
    if self.gated:
      y = y * self.activation(dense(self.hidden, 'gate')(x))
    else:
      y = self.activation(y)
    y = nn.Dropout(self.dropout, deterministic=not train)(y)
    return dense(out, 'down')(y)


class Block(nn.Module):
  """Attention and MLP, each with a norm and beside a residual path.

  With `context` the attention looks there instead of at `x` itself.
  """

  heads: int
  mlp_ratio: float = 4.0
  dropout: float = 0.0
  style: Style = Style()

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b n d'],
    context: Float[Array, 'b m e'] | None = None,
    *,
    mask: Bool[Array, '#b 1 #n m'] | None = None,
    places: Int[Array, '#b n'] | None = None,
    slots: Slots | None = None,
    train: bool = False,
  ) -> Float[Array, 'b n d']:
    """Runs the block; see `Transformer` for the fields."""
    if context is not None:
      context = self.norm('context_norm', context)
    attention = self.attention('attention')

    def attend(y: Array) -> Array:
      return attention(y, context, mask=mask, places=places, slots=slots)

    x = self.beside('attention', x, attend, train=train)
    mlp = self.mlp(x.shape[-1])
    return self.beside('mlp', x, lambda y: mlp(y, train=train), train=train)

  def beside(
    self, name: str, x: Array, branch: Callable[[Array], Array], *, train: bool
  ) -> Array:
    """Adds what a branch makes of `x` to it, with the norm where it belongs."""
    pre = self.style.order == 'pre'
    y = branch(self.norm(f'{name}_norm', x) if pre else x)
    if self.style.layer_scale is not None:
      init = nn.initializers.constant(self.style.layer_scale)
      y = y * self.param(f'{name}_scale', init, y.shape[-1:])[None, None]
    x = x + nn.Dropout(self.dropout, deterministic=not train)(y)
    return x if pre else self.norm(f'{name}_norm', x)

  def norm(self, name: str, x: Array) -> Array:
    """Normalises with a norm of that name."""
    norm: Any = self.style.norm.copy(name=name)
    return norm(x)

  def attention(self, name: str, *, turns: bool = True) -> MultiHeadAttention:
    """An attention in the block's style; where places mean nothing it does not
    turn by them."""
    return MultiHeadAttention(
      self.heads,
      self.style.attend,
      self.style.biases,
      kv_heads=self.style.kv_heads,
      head_width=self.style.head_width,
      rotary=self.style.rotary if turns else None,
      name=name,
    )

  def mlp(self, width: int) -> Mlp:
    """The MLP in the block's style."""
    return Mlp(
      round(width * self.mlp_ratio),
      activation=self.style.activation,
      dropout=self.dropout,
      gated=self.style.gated,
      use_bias='mlp' in self.style.biases,
      name='mlp',
    )


class Transformer(nn.Module):
  """A stack of blocks and, in most styles, a last norm.

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
  style: Style = Style()
  """Norms, nonlinearity, biases."""
  causal: bool = False
  """Whether a token sees only itself and those before it."""
  scan: bool = False
  """Whether one compiled block loops over parameters that are stacked along a
  first axis, under `blocks`: compile time does not grow with depth."""
  remat: Remat = 'none'
  """What the backward pass computes again, to save memory: nothing, all but the
  projections, or the full block."""

  @nn.compact
  def __call__(
    self,
    tokens: Tokens,
    *,
    places: Int[Array, '#b n'] | None = None,
    slots: Slots | None = None,
    train: bool = False,
  ) -> Tokens:
    """Lets the real tokens exchange what they know.

    Args:
      tokens: features, and which are real.
      places: where they stand, for rotary positions; 0, 1, ... if None.
      slots: where they stand in the cache of those before them; such a call
        makes or changes the variables of `cache` (`mmjax/layers/cache.py`).
      train: whether dropout is on.

    Raises:
      ValueError: there are slots, and it is not causal.
    """
    x, real = tokens
    mask = real[:, None, None, :]
    if slots is not None and not self.causal:
      raise ValueError('a Transformer that is not causal has no cache')
    if self.causal:
      mask = may_see(real, slots, window=self.style.window)

    def run(block: Any, x: Array, mask: Array) -> Array:
      return block(x, mask=mask, places=places, slots=slots, train=train)

    return Tokens(self._stack(run, x, mask, decodes=slots is not None), real)

  def _stack(
    self, run: Run, x: Array, *others: Array | None, decodes: bool
  ) -> Array:
    """Runs the norms and all blocks, each as `run(block, x, *others)`."""
    if self.style.first_norm:
      x = self._norm('first_norm', x)
    run = recompute(run, 'none' if decodes else self.remat, self.scan)
    if self.scan and self.depth:
      x = scan_blocks(run, self.depth)(self._block('blocks'), x, *others)
    else:
      for i in range(self.depth):
        x = run(self._block(f'block_{i}'), x, *others)
    return self._norm('norm', x) if self.style.last_norm else x

  def _norm(self, name: str, x: Array) -> Array:
    norm: Any = self.style.norm.copy(name=name)
    return norm(x)

  def _block(self, name: str) -> Block:
    return Block(
      heads=self.heads,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      style=self.style,
      name=name,
    )


def scan_blocks(run: Run, depth: int) -> Run:
  """Runs one block so many times, with parameters that are stacked."""

  def loop(block: nn.Module, x: Array, *others: Any) -> Array:
    scanned = nn.scan(
      lambda block, x, _: (run(block, x, *others), None),
      variable_axes={
        'params': 0,
        'intermediates': 0,
        'cache': 0,
        'context': 0,
      },
      split_rngs={'params': True, 'dropout': True},
      length=depth,
    )
    return scanned(block, x, None)[0]

  return loop


def recompute(run: Run, remat: Remat, scanned: bool) -> Run:
  """The same, of which the backward pass computes some of it again."""
  if remat == 'none':
    return run
  policy = jax.checkpoint_policies.nothing_saveable
  if remat == 'projections':
    policy = jax.checkpoint_policies.save_only_these_names(*_PROJECTIONS)
  # Inside a loop nothing could be merged with the forward pass anyway.
  return nn.remat(run, policy=policy, prevent_cse=not scanned)
