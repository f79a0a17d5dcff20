"""Word vectors: learned, or from a file."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FromArray:
  """An initialiser that gives an array that is known already."""

  array: np.ndarray = dataclasses.field(repr=False)
  """What it gives."""

  def __call__(
    self, key: Array, shape: tuple[int, ...], dtype=jnp.float32
  ) -> Float[Array, '...']:
    """The array.

    Raises:
      ValueError: it has another shape than the parameter.
    """
    del key
    if self.array.shape != tuple(shape):
      sizes = [' x '.join(map(str, s)) for s in (self.array.shape, shape)]
      raise ValueError(f'the vectors are {sizes[0]}, the table is {sizes[1]}')
    return jnp.asarray(self.array, dtype)


class WordEmbedding(nn.Module):
  """A vector for each word; it may start from vectors that were read.

  `mmjax.data.word_vectors.read_word_vectors` reads them. To keep them as they
  are, freeze the table: `AdamW(groups=Groups(frozen=('text/embed/table',)))`.
  """

  words: int = 30_000
  """Number of word ids."""
  vectors: Any = None
  """What the table starts from: FromArray; random vectors if None."""

  @nn.compact
  def __call__(
    self, text: Int[Array, 'b t'], width: int
  ) -> Float[Array, 'b t d']:
    """Looks the ids up.

    Raises:
      ValueError: the given vectors do not fit `words` and `width`.
    """
    init = self.vectors or nn.initializers.normal(0.02)
    table = self.param('table', init, (self.words, width))
    return jnp.take(table, text, axis=0, mode='clip')
