"""How sure a mean over examples is."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

LEVEL = 0.95
_DRAWS = 2000
# Draws that are held at once.
_BATCH = 50


class Interval(NamedTuple):
  """Bounds between which the mean of other samples would mostly be."""

  low: float
  high: float


def of_mean(
  values: Float[np.ndarray, ' b'] | Bool[np.ndarray, ' b'],
  *,
  level: float = LEVEL,
) -> Interval:
  """The percentile bootstrap's interval, always the same for the same values.

  Where all values are 0 or 1, the bootstrap's distribution is binomial and
  nothing is drawn. An Introduction to the Bootstrap, chapter 13
  (https://doi.org/10.1201/9780429246593); drawn by SciPy.

  Args:
    values: of independent examples; NaN for both bounds if there are none.
    level: probability.
  """
  # Here, because it takes long, and a run asks at its end.
  from scipy import stats

  values = np.asarray(values, float)
  if not values.size or not np.isfinite(values).all():
    return Interval(float('nan'), float('nan'))
  rest = (1 - level) / 2
  if np.isin(values, (0, 1)).all():
    bounds = stats.binom.ppf([rest, 1 - rest], values.size, values.mean())
    low, high = bounds / values.size
    return Interval(float(low), float(high))
  if np.ptp(values) == 0:
    return Interval(float(values[0]), float(values[0]))
  found = stats.bootstrap(
    (values,),
    np.mean,
    n_resamples=_DRAWS,
    batch=_BATCH,
    confidence_level=level,
    method='percentile',
    rng=np.random.default_rng(0),
  ).confidence_interval
  return Interval(float(found.low), float(found.high))
