"""What each side of a comparison gives to be measured."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Work(NamedTuple):
  """Something to run again and again.

  Attributes:
    run: does it once and waits for the result.
    flops: of one run's matrix products, if they are known.
    rate: how many examples, seconds of sound or tokens one run takes in.
    unit: of those.
  """

  run: Callable[[], object]
  flops: float | None = None
  rate: float = 1.0
  unit: str = 'runs'


def generator() -> np.random.Generator:
  """The same numbers for both sides."""
  return np.random.default_rng(0)
