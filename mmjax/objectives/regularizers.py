"""Penalties on the parameters: `params -> scalar`, added to the loss once."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.paths import check_patterns, named_leaves, require_matches

_WEIGHTS = r'(kernel|table|embedding)$'


@dataclasses.dataclass(frozen=True, kw_only=True)
class L1:
  """`rate` times the sum of absolute values: many become zero.

  Lasso (https://doi.org/10.1111/j.2517-6161.1996.tb02080.x).
  """

  rate: float
  """Factor of the sum."""
  pattern: str = _WEIGHTS
  """Which parameters, by a regular expression that is searched for in their
  paths; by default neither norms nor biases."""

  def __post_init__(self):
    """Checks pattern and range."""
    _check(self.rate, self.pattern)

  def __call__(self, params: Any) -> Float[Array, '']:
    """Sums over the parameters whose path has the pattern.

    Raises:
      InputError: no path has it.
    """
    return self.rate * _sum(jnp.abs, self.pattern, params)


@dataclasses.dataclass(frozen=True, kw_only=True)
class L2:
  """`rate` times the sum of squares.

  With plain gradient descent it is weight decay of twice the rate; with Adam it
  is something else, and AdamW's weight decay mostly better.

  Ridge regression (https://doi.org/10.1080/00401706.1970.10488634).
  """

  rate: float
  """Factor of the sum."""
  pattern: str = _WEIGHTS
  """Which parameters, by a regular expression that is searched for in their
  paths; by default neither norms nor biases."""

  def __post_init__(self):
    """Checks pattern and range."""
    _check(self.rate, self.pattern)

  def __call__(self, params: Any) -> Float[Array, '']:
    """Sums over the parameters whose path has the pattern.

    Raises:
      InputError: no path has it.
    """
    return self.rate * _sum(jnp.square, self.pattern, params)


def _sum(
  penalty: Callable[[Array], Array], pattern: str, params: Any
) -> Float[Array, '']:
  leaves = named_leaves(params)
  require_matches('pattern', [pattern], [*leaves])
  found = [leaf for name, leaf in leaves.items() if re.search(pattern, name)]
  # In float32 also where the model computes in less.
  sums = [penalty(x.astype(_wide(x))).sum() for x in found]
  return jax.tree.reduce(jnp.add, sums)


def _wide(x: Array) -> Any:
  return jnp.promote_types(x.dtype, jnp.float32)


def _check(rate: float, pattern: str) -> None:
  if rate < 0:
    raise ValueError(f'rate {rate} is negative')
  check_patterns('pattern', [pattern])
