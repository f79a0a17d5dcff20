"""Tabular encoder: rows of numbers and categories, with missing cells."""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num

from mmjax.encoders.sequence import SequenceEncoder
from mmjax.layers.doors import standardize
from mmjax.masking import where_real
from mmjax.types import Tokens


class TabularEncoder(SequenceEncoder):
  """Transformer over the cells of a row, each of them a token.

  A number scales a learned vector of its column, a category looks one up. A
  missing cell is a token that is not real: nothing is put in its place.

  FT-Transformer (https://arxiv.org/abs/2106.11959).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> columns = {'numeric': jnp.zeros((2, 3)),
    ...            'categorical': jnp.zeros((2, 1), jnp.int32)}
    >>> mask = {'numeric': jnp.ones((2, 3), bool),
    ...         'categorical': jnp.array([[True], [False]])}
    >>> encoder = TabularEncoder(categories=(7,), width=64, depth=2, heads=2)
    >>> tokens, params = encoder.init_with_output(
    ...     jax.random.key(0), columns, mask)
    >>> tokens.x.shape, tokens.mask.sum(axis=1).tolist()
    ((2, 4, 64), [4, 3])
  """

  width: int = 192
  """Features of each token."""
  depth: int = 3
  """Transformer blocks."""
  categories: tuple[int, ...] = ()
  """Number of values of each categorical column."""
  mean: tuple[float, ...] = ()
  """Subtracted from each numeric column; empty for zeros."""
  std: tuple[float, ...] = ()
  """Each numeric column is divided by it; empty for ones."""
  class_token: bool = False
  """Whether a learned token stands before the cells; it is real where any cell
  is."""

  @nn.compact
  def __call__(
    self,
    columns: Mapping[str, Num[Array, 'b _']],
    mask: Mapping[str, Bool[Array, 'b _']],
    *,
    train: bool = False,
  ) -> Tokens:
    """Encodes rows.

    Args:
      columns: 'numeric', floats `[b m]`, and 'categorical', ints `[b q]` from
        zero; one of them may be absent. Any value where masked.
      mask: the same tree: True where a cell is real.
      train: whether dropout is on.

    Returns:
      A token for each column, the numeric ones first, behind the class token
      if there is one.

    Raises:
      ValueError: the columns do not fit the fields, or there are none.
    """
    tokens, real = [], []
    if 'numeric' in columns:
      real.append(mask['numeric'])
      tokens.append(self._numbers(columns['numeric'], mask['numeric']))
    if 'categorical' in columns:
      real.append(mask['categorical'])
      tokens.append(self._categories(columns['categorical'], real[-1]))
    if not tokens:
      raise ValueError(
        f'columns are {sorted(columns)}, expected numeric, categorical or both'
      )
    x, here = jnp.concatenate(tokens, 1), jnp.concatenate(real, 1)
    # What tells the columns apart, in place of positions.
    init = nn.initializers.normal(0.02)
    bias = self.param('bias', init, x.shape[1:])
    x = x + bias[None].astype(x.dtype)
    if self.class_token:
      first = self.param('class_token', init, (1, 1, self.width))
      first = jnp.broadcast_to(first, (len(x), 1, self.width))
      x = jnp.concatenate([first.astype(x.dtype), x], axis=1)
      any_cell = here.any(axis=1, keepdims=True)
      here = jnp.concatenate([any_cell, here], axis=1)
    return self.transform(Tokens(x, here), train=train)

  def _numbers(
    self, x: Num[Array, 'b m'], mask: Bool[Array, 'b m']
  ) -> Float[Array, 'b m d']:
    x = standardize(x, mean=self.mean, std=self.std)
    init = nn.initializers.normal(self.width**-0.5)
    kernel = self.param('kernel', init, (x.shape[1], self.width))
    x = where_real(x, mask).astype(kernel.dtype)
    return x[:, :, None] * kernel[None]

  def _categories(
    self, x: Int[Array, 'b q'], mask: Bool[Array, 'b q']
  ) -> Float[Array, 'b q d']:
    if x.shape[1] != len(self.categories):
      raise ValueError(
        f'input has {x.shape[1]} categorical columns, categories has '
        f'{len(self.categories)}'
      )
    init = nn.initializers.normal(self.width**-0.5)
    total = sum(self.categories)
    table = self.param('table', init, (total, self.width))
    # Each column has its rows of the one table.
    sizes = np.asarray(self.categories)
    starts = np.cumsum(sizes) - sizes
    x = jnp.clip(where_real(x, mask), 0, jnp.asarray(sizes - 1)[None])
    return jnp.take(table, x + jnp.asarray(starts)[None], axis=0)
