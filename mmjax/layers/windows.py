"""Attention within windows of a grid, which shift from block to block."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from jaxtyping import Array, Bool, Float, Int

from mmjax.layers.transformer import Block


def split_windows(
  x: Float[Array, 'b h w d'], window: int
) -> Float[Array, 'bpq n d']:
  """The places of each window of a grid; windows are examples of their own."""
  p = window
  return rearrange(x, 'b (p h) (q w) d -> (b p q) (h w) d', h=p, w=p)


def join_windows(
  x: Float[Array, 'bpq n d'], window: int, grid: tuple[int, int]
) -> Float[Array, 'b h w d']:
  """The grid of which these are the windows."""
  p, q = (side // window for side in grid)
  pattern = '(b p q) (h w) d -> b (p h) (q w) d'
  return rearrange(x, pattern, p=p, q=q, h=window)


def shifted_regions(
  grid: tuple[int, int], window: int, shift: int
) -> Int[np.ndarray, 'windows n']:
  """Which part of the grid the places of each window come from.

  Moved by `shift` rows and columns around the border, the last windows hold
  places from both of its sides, which are no neighbours. Each side has a number
  of its own.
  """
  rows, columns = (
    (np.arange(side) >= side - window).astype(int)
    + (np.arange(side) >= side - shift)
    for side in grid
  )
  regions = rows[:, None] * 3 + columns[None]
  p = window
  return rearrange(regions, '(p h) (q w) -> (p q) (h w)', h=p, w=p)


def relative_places(window: int, size: int) -> Int[np.ndarray, 'n n 2']:
  """Where the table of a window has the place of a query seen from a key.

  Args:
    window: side of the window that the table is for.
    size: side of the window with the places; at most as large.
  """
  axes = np.meshgrid(np.arange(size), np.arange(size), indexing='ij')
  places = np.stack(axes, axis=-1).reshape(-1, 2)
  return places[:, None] - places[None] + window - 1


class RelativePositions(nn.Module):
  """A learned number for each head and each step from one place to another.

  Swin Transformer, equation 4 (https://arxiv.org/abs/2103.14030).
  """

  window: int
  """Side of the window."""
  heads: int
  """Attention heads."""

  @nn.compact
  def __call__(self, size: int) -> Float[Array, 'k n n']:
    """The numbers for a window of this size, at most `window`."""
    sides = 2 * self.window - 1
    init = nn.initializers.normal(0.02)
    table = self.param('table', init, (sides, sides, self.heads))
    rows, columns = np.moveaxis(relative_places(self.window, size), -1, 0)
    return jnp.moveaxis(table[rows, columns], -1, 0)


class WindowBlock(Block):
  """Attention within each window of a grid, then an MLP.

  Each stands behind a norm and beside a residual path. A grid that windows do
  not cover exactly is filled up with zeros below and to the right, which are
  looked at as everything else, behind the norm. Where the grid is not larger
  than a window, it is one, and nothing shifts.

  Swin Transformer, section 3.2 (https://arxiv.org/abs/2103.14030).
  """

  grid: tuple[int, int] = (7, 7)
  """Rows and columns of the tokens."""
  window: int = 7
  """Side of a window, in tokens."""
  shift: int = 0
  """Rows and columns by which the windows are moved."""

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b n d'],
    context: None = None,
    *,
    mask: Bool[Array, 'b 1 1 n'] | None = None,
    train: bool = False,
  ) -> Float[Array, 'b n d']:
    """Runs the block.

    Args:
      x: tokens, in row-major order.
      context: of no meaning here.
      mask: of no meaning here: a grid is there or not, all of it.
      train: whether dropout is on.
    """
    del context, mask
    h, w = self.grid
    size, shift = self.window, self.shift
    if min(h, w) <= size:
      size, shift = min(h, w), 0
    below, beside = -h % size, -w % size
    filled = (h + below, w + beside)
    seen = None
    if shift:
      region = jnp.asarray(shifted_regions(filled, size, shift))
      region = jnp.tile(region, (len(x), 1))
      seen = region[:, None, :, None] == region[:, None, None, :]
    bias = RelativePositions(self.window, self.heads, name='positions')(size)
    attention = self.attention('attention')

    def look(y: Array) -> Array:
      y = rearrange(y, 'b (h w) d -> b h w d', h=h)
      if below or beside:
        y = jnp.pad(y, ((0, 0), (0, below), (0, beside), (0, 0)))
      if shift:
        y = jnp.roll(y, (-shift, -shift), axis=(1, 2))
      y = attention(split_windows(y, size), mask=seen, bias=bias[None])
      y = join_windows(y, size, filled)
      if shift:
        y = jnp.roll(y, (shift, shift), axis=(1, 2))
      return rearrange(y[:, :h, :w], 'b h w d -> b (h w) d')

    x = self.beside('attention', x, look, train=train)
    mlp = self.mlp(x.shape[-1])
    return self.beside('mlp', x, lambda y: mlp(y, train=train), train=train)
