"""Rotary positions: queries and keys are turned by angles that grow with place.

RoFormer, section 3.2 (https://arxiv.org/abs/2104.09864).
"""

import dataclasses
import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from mmjax.masking import full_precision

Rates = np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class Llama3Scaling:
  """Turns slowly what turned less than a few times in the texts of training.

  The Llama 3 Herd of Models, section 3.4.2 (https://arxiv.org/abs/2407.21783),
  in the form that its checkpoints have.
  """

  factor: float = 8.0
  """How many times slower the slow angles grow."""
  low: float = 1.0
  """Turns over `length` up to which an angle is slow."""
  high: float = 4.0
  """Turns over `length` from which an angle stays as it is."""
  length: int = 8192
  """Length of the texts of training."""

  def __call__(self, rates: Rates) -> Rates:
    """Changes the angles of a step."""
    turns = self.length * rates / (2 * math.pi)
    kept = np.clip((turns - self.low) / (self.high - self.low), 0.0, 1.0)
    return rates * (kept + (1.0 - kept) / self.factor)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rotary:
  """Turns each pair of features by `place * base ** (-2 i / h)`.

  The product of a query and a key then depends on their distance alone. A pair
  is a feature of the first half and one of the second, as in Llama's
  checkpoints.

  Example:
    >>> import jax.numpy as jnp
    >>> Rotary()(jnp.ones((1, 3, 5, 8)), jnp.arange(5)[None]).shape
    (1, 3, 5, 8)
  """

  base: float = 10_000.0
  """Longest wavelength over 2 pi, in places."""
  scaling: Callable[[Rates], Rates] | None = None
  """Changes the angles of a step, for longer texts: Llama3Scaling."""

  def rates(self, width: int) -> Rates:
    """The angle of one step, for each pair.

    Raises:
      ValueError: there are no pairs.
    """
    if width % 2:
      raise ValueError(f'head width {width} is not divisible by 2')
    rates = self.base ** -(np.arange(width // 2) * 2 / width)
    return rates if self.scaling is None else self.scaling(rates)

  def __call__(
    self, x: Float[Array, 'b k n h'], places: Int[Array, '#b n']
  ) -> Float[Array, 'b k n h']:
    """Turns queries or keys that stand at these places, in full precision."""
    rates = jnp.asarray(self.rates(x.shape[-1]), jnp.float32)
    angles = places[:, None, :, None] * rates[None, None, None]
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    first, second = jnp.split(full_precision(x), 2, axis=-1)
    turned = [first * cos - second * sin, second * cos + first * sin]
    return jnp.concatenate(turned, axis=-1).astype(x.dtype)
