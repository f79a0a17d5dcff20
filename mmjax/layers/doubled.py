"""Numbers of two float32, one for what the other leaves out: 48 bits.

T. J. Dekker, A floating-point technique for extending the available precision
(https://doi.org/10.1007/BF01397083).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Cuts the 24 bits of a float32 into two halves.
_SPLIT = 4097.0


class Doubled(NamedTuple):
  """A number `high + low`, of arrays of one shape.

  Attributes:
    high: the nearest float32.
    low: the rest.
  """

  high: jax.Array
  low: jax.Array

  def plus(self, other: 'Doubled') -> 'Doubled':
    """The sum."""
    high, low = two_sum(self.high, other.high)
    return _tidy(high, low + (self.low + other.low))

  def minus(self, other: 'Doubled') -> 'Doubled':
    """The difference."""
    return self.plus(Doubled(-other.high, -other.low))

  def times(self, other: 'Doubled') -> 'Doubled':
    """The product."""
    high, low = two_product(self.high, other.high)
    rest = self.high * other.low + self.low * other.high
    return _tidy(high, low + rest)


def doubled(x: np.ndarray) -> Doubled:
  """Doubles of NumPy, as well as two float32 can hold them."""
  high = x.astype(np.float32)
  low = (x - high).astype(np.float32)
  return Doubled(jnp.asarray(high), jnp.asarray(low))


def two_sum(a: jax.Array, b: jax.Array) -> Doubled:
  """The sum, exactly."""
  total = a + b
  part = total - a
  return Doubled(total, (a - (total - part)) + (b - part))


def two_product(a: jax.Array, b: jax.Array) -> Doubled:
  """The product, exactly."""
  product = a * b
  (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
  rest = ((a_high * b_high - product) + a_high * b_low) + a_low * b_high
  return Doubled(product, rest + a_low * b_low)


def _halves(x: jax.Array) -> tuple[jax.Array, jax.Array]:
  wide = x * _SPLIT
  high = wide - (wide - x)
  return high, x - high


def _tidy(high: jax.Array, low: jax.Array) -> Doubled:
  total = high + low
  return Doubled(total, low - (total - high))
