"""From patches, token ids and positions to vectors."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Integer

from mmjax.layers.resample import resample_bicubic
from mmjax.masking import where_real

_POSITION_INIT = nn.initializers.normal(0.02)
_FEW = 64  # rows of scores of which the table is the larger part


class PatchProjection(nn.Module):
  """Projects flattened patches to the width, in the parameters' dtype.

  This is where raw input enters a model, so this is where its precision is
  set: everything behind computes in the dtype that the parameters come in.
  """

  width: int
  use_bias: bool = True

  @nn.compact
  def __call__(self, patches: Float[Array, 'b n p']) -> Float[Array, 'b n d']:
    """Computes `patches @ kernel + bias`, or without the bias."""
    shape = (patches.shape[-1], self.width)
    kernel = self.param('kernel', nn.initializers.lecun_normal(), shape)
    x = patches.astype(kernel.dtype) @ kernel
    if self.use_bias:
      bias = self.param('bias', nn.initializers.zeros, (self.width,))
      x = x + bias[None, None]
    return x


class LearnedPositions(nn.Module):
  """A learned vector for each place of a grid."""

  length: int | None = None
  """Most places along the first axis; a shorter input uses the first ones.
  None takes the length of the input that initialises the parameters."""
  offset: int = 0
  """Rows of the table before that of the first place."""

  @nn.compact
  def __call__(self, grid: tuple[int, ...], width: int) -> Float[Array, 'n d']:
    """Gives the vectors of a grid's places, in row-major order.

    Raises:
      ValueError: the input is longer than `length`.
    """
    last = self.offset + grid[0]
    length = last if self.length is None else self.length
    if last > length:
      raise ValueError(
        f'{grid[0]} positions are more than length {length - self.offset}'
      )
    shape = (length, *grid[1:], width)
    table = self.param('table', _POSITION_INIT, shape)
    return table[self.offset : last].reshape(-1, width)


class ResampledPositions(nn.Module):
  """A learned vector for each place of one grid, resampled for other grids.

  As DINOv2 (https://arxiv.org/abs/2304.07193) takes images of other sizes than
  it was trained on.
  """

  grid: tuple[int, int]
  """Rows and columns that there are vectors for."""
  antialias: bool = False
  """Whether resampling to a coarser grid looks at all of the finer one."""

  @nn.compact
  def __call__(self, grid: tuple[int, int], width: int) -> Float[Array, 'n d']:
    """Gives the vectors of a grid's places, in row-major order."""
    table = self.param('table', _POSITION_INIT, (*self.grid, width))
    if tuple(grid) != tuple(self.grid):
      table = resample_bicubic(table, grid, antialias=self.antialias)
    return table.reshape(-1, width)


class SinCosPositions(nn.Module):
  """Fixed sines and cosines of a grid's coordinates; any length works.

  Each axis of the grid owns an equal part of the width. Attention Is All You
  Need, section 3.5 (https://arxiv.org/abs/1706.03762), and for two axes MoCo v3
  (https://arxiv.org/abs/2104.02057).
  """

  base: float = 10_000.0
  """Longest wavelength over 2 pi, in places."""

  def __call__(self, grid: tuple[int, ...], width: int) -> Float[Array, 'n d']:
    """Gives the vectors of a grid's places, in row-major order.

    Raises:
      ValueError: the width cannot be shared among the grid's axes.
    """
    parts = 2 * len(grid)
    if width % parts:
      raise ValueError(
        f'width {width} is not divisible by {parts}, a sine and a cosine '
        f'for each of {len(grid)} axes'
      )
    size = width // parts
    rates = self.base ** -(np.arange(size) / size)
    axes = np.meshgrid(*(np.arange(g) for g in grid), indexing='ij')
    angles = [axis.reshape(-1, 1) * rates for axis in axes]
    waves = [f(angle) for angle in angles for f in (np.sin, np.cos)]
    return jnp.asarray(np.concatenate(waves, axis=-1), jnp.float32)


class StoredPositions(nn.Module):
  """A vector for each place that a checkpoint has, but nothing trains.

  It is in the collection `constants`; sines and cosines until one is loaded.
  """

  length: int
  """Most places; a shorter input uses the first ones."""

  @nn.compact
  def __call__(self, grid: tuple[int, ...], width: int) -> Float[Array, 'n d']:
    """Gives the vectors of the places.

    Raises:
      ValueError: there are more than `length`.
    """
    if grid[0] > self.length:
      raise ValueError(
        f'{grid[0]} positions are more than length {self.length}'
      )
    waves = SinCosPositions()
    table = self.variable(
      'constants', 'table', lambda: waves((self.length,), width)
    )
    return table.value[: grid[0]]


class NumberedPositions(nn.Module):
  """Fixed sines and cosines of a place's number in row-major order.

  Sines and cosines take turns along the width. Attention Is All You Need,
  section 3.5 (https://arxiv.org/abs/1706.03762); VideoMAE has them.
  """

  base: float = 10_000.0
  """Longest wavelength over 2 pi, in places."""

  def __call__(self, grid: tuple[int, ...], width: int) -> Float[Array, 'n d']:
    """Gives the vectors of a grid's places."""
    column = np.arange(width)
    rates = self.base ** -(2 * (column // 2) / width)
    angles = np.arange(math.prod(grid))[:, None] * rates
    waves = np.where(column % 2, np.cos(angles), np.sin(angles))
    return jnp.asarray(waves, jnp.float32)


class ByteEmbedding(nn.Module):
  """A learned vector for each token id."""

  vocabulary: int = 260
  """Number of token ids."""

  @nn.compact
  def __call__(self, text: Int[Array, 'b t'], width: int):
    """Looks the ids up: `[b t]` to `[b t d]`."""
    shape = (self.vocabulary, width)
    table = self.param('table', nn.initializers.normal(0.02), shape)
    return jnp.take(table, text, axis=0, mode='clip')

  def scores(self, x: Float[Array, '*b d']) -> Float[Array, '*b vocabulary']:
    """Products with each id's vector, for an output layer that shares them."""
    table = self.get_variable('params', 'table')
    rows = x.reshape(-1, x.shape[-1])
    if len(rows) > _FEW:
      return x @ table.T
    # While decoding, most of the time goes into reading the table: as it lies,
    # that is faster. Without the barrier the compiler turns this around.
    found = jax.lax.optimization_barrier(table @ rows.T)
    return found.T.reshape(*x.shape[:-1], len(table))


def require_alone(embed: nn.Module) -> None:
  """Raises ValueError unless an embedding looks at each id alone."""
  if not hasattr(embed, 'scores'):
    raise ValueError(
      f'{type(embed).__name__} looks at other tokens too: a text cannot be '
      'decoded token by token with it'
    )


class NgramEmbedding(nn.Module):
  """Token vectors plus those of the hashed n-grams that end at each token.

  Gives a byte-level model words and syllables to start from, in any script and
  with no vocabulary file. Byte Latent Transformer, section 3.2.1
  (https://arxiv.org/abs/2412.09871).
  """

  vocabulary: int = 260
  """Number of token ids."""
  orders: tuple[int, ...] = (2, 3, 4, 5)
  """Lengths of the n-grams."""
  buckets: int = 8192
  """Vectors for each length; n-grams share them by hash."""
  boundary: int | None = None
  """Token id that n-grams begin or end with, but don't reach across: a space,
  for n-grams of single words."""

  @nn.compact
  def __call__(
    self, text: Int[Array, 'b t'], width: int
  ) -> Float[Array, 'b t d']:
    """Sums the token's vector and those of the n-grams, over their number."""
    x = ByteEmbedding(self.vocabulary, name='unigram')(text, width)
    for n in self.orders:
      hashed = hash_ngrams(text, n) % self.buckets
      # Before the n-th token there is no n-gram yet.
      whole = jnp.broadcast_to(
        (jnp.arange(text.shape[1]) >= n - 1)[None], text.shape
      )
      if self.boundary is not None:
        for back in range(1, n - 1):
          whole &= _shift(text, back) != self.boundary
      gram = nn.Embed(
        self.buckets,
        width,
        name=f'{n}gram',
        embedding_init=nn.initializers.normal(0.02),
      )(hashed)
      x = x + where_real(gram, whole)
    return x / math.sqrt(1 + len(self.orders))


def hash_ngrams(text: Int[Array, 'b t'], n: int) -> Int[Array, 'b t']:
  """Hashes the `n` ids that end at each position (polynomial, FNV's prime)."""
  ids = text.astype(jnp.uint32)
  total = jnp.zeros_like(ids)
  for back in range(n - 1, -1, -1):
    # Zeros stand in for what is before the start.
    total = total * jnp.uint32(16777619) + _shift(ids, back) + jnp.uint32(1)
  # Mix the high bits down: a modulus would see only the low ones.
  total = total ^ (total >> 15)
  total = total * jnp.uint32(2246822519)
  return ((total ^ (total >> 13)) & jnp.uint32(0x7FFFFFFF)).astype(jnp.int32)


def _shift(ids: Integer[Array, 'b t'], back: int) -> Integer[Array, 'b t']:
  """The ids so many places before, zero before the first."""
  return jnp.pad(ids, ((0, 0), (back, 0)))[:, : ids.shape[1]]
