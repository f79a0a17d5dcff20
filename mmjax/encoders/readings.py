"""Readings of one thing several times: their mean, as one token."""

import flax.linen as nn
from jaxtyping import Array, Bool, Num

from mmjax.masking import full_precision, masked_mean, present
from mmjax.types import Tokens


class MeanReading(nn.Module):
  """The mean of the real readings, in their own units; it learns nothing.

  For what a fusion reckons with, such as the position of a viewer. The error of
  the mean of n readings is that of one, divided by the root of n.

  Example:
    >>> import jax.numpy as jnp
    >>> readings = jnp.array([[[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]]])
    >>> mask = jnp.array([[True, True, False]])
    >>> MeanReading().apply({}, readings, mask).x.tolist()
    [[[2.0, 3.0]]]
  """

  def __call__(
    self,
    readings: Num[Array, 'b f c'],
    mask: Bool[Array, 'b f'],
    *,
    train: bool = False,
  ) -> Tokens:
    """Averages over `f`; the token is real where any reading is."""
    del train
    mean = masked_mean(full_precision(readings), mask)
    return Tokens(mean[:, None], present(mask)[:, None])
