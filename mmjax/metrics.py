"""Sums and counts: the only way to average over uneven batches and devices."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Num

from mmjax.masking import full_precision


class Ratio(NamedTuple):
  """A mean that is still to be divided; add several up, then `value()`.

  Attributes:
    total: sum of weighted values.
    count: sum of weights.
  """

  total: Float[Array, '']
  count: Float[Array, '']

  def value(self) -> float:
    """The mean, NaN when nothing was counted."""
    count = float(self.count)
    return float(self.total) / count if count else float('nan')


class Evaluation(NamedTuple):
  """What an evaluator found.

  Attributes:
    numbers: name -> value, such as `fused/accuracy`.
    figures: name -> function that draws the figure into a PNG at a path.
    tables: name -> what is written as JSON beside the report.
  """

  numbers: Mapping[str, float]
  figures: Mapping[str, Callable[[Path], None]]
  tables: Mapping[str, Any] = MappingProxyType({})


def weighted(value: Num[Array, ' b'], weight: Float[Array, ' b']) -> Ratio:
  """Sum of `value * weight` and of `weight`; weight 0 hides even a NaN."""
  value = jnp.where(weight > 0, full_precision(value), 0.0)
  weight = full_precision(weight)
  return Ratio((value * weight).sum(), weight.sum())


def correct(
  logits: Float[Array, 'b classes'], target: Int[Array, ' b']
) -> Bool[Array, ' b']:
  """Whether the largest logit is the target's."""
  return jnp.argmax(logits, axis=-1) == target
