"""From a logit to a decision: scaling and threshold, chosen on validation."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import special, stats
from sklearn import linear_model, metrics

from mmjax.evaluators import calibration
from mmjax.evaluators.intervals import LEVEL, Interval

BINS = 15
_DRAWS = 500


class Scaling(NamedTuple):
  """Computes the probability `sigmoid(logit / temperature + bias)`.

  Attributes:
    temperature: what logits are divided by.
    bias: what is added then.
  """

  temperature: float = 1.0
  bias: float = 0.0

  def __call__(self, logit: Float[np.ndarray, ' b']) -> Float[np.ndarray, ' b']:
    """The scaled probabilities."""
    return special.expit(logit / self.temperature + self.bias)


def fit_scaling(
  logit: Float[np.ndarray, ' b'], target: Int[np.ndarray, ' b']
) -> Scaling:
  """The scaling of the largest likelihood.

  Platt scaling: vector scaling of On Calibration of Modern Neural Networks
  (https://arxiv.org/abs/1706.04599) for two classes.

  Returns:
    The scaling; one that leaves logits as they are where only one class is
    there, or larger logits do not mean yes.
  """
  if not 0 < target.mean() < 1:
    return Scaling()
  # Hardly any penalty; it is only there for logits that part the classes.
  model = linear_model.LogisticRegression(C=1e6).fit(logit[:, None], target)
  slope = float(model.coef_[0, 0])
  if slope <= 0:
    return Scaling()
  return Scaling(1 / slope, float(model.intercept_[0]))


def threshold_for(
  p: Float[np.ndarray, ' b'],
  target: Int[np.ndarray, ' b'],
  *,
  sensitivity: float,
) -> float:
  """The largest threshold from which on yes reaches the sensitivity.

  Example:
    >>> p, target = np.array([0.1, 0.2, 0.4, 0.8]), np.array([0, 1, 0, 1])
    >>> float(threshold_for(p, target, sensitivity=0.5))
    0.8
    >>> float(threshold_for(p, target, sensitivity=0.9))
    0.2

  Raises:
    ValueError: nothing is to be found among the targets.
  """
  found = np.sort(p[target == 1])[::-1]
  if not found.size:
    raise ValueError('no target is 1: there is no sensitivity')
  # 0.9 * 10 is no more than 9, whatever the machine says.
  return float(found[int(np.ceil(sensitivity * found.size - 1e-9)) - 1])


def wilson(hits: int, total: int) -> Interval:
  """Interval of a fraction, NaN of nothing; by SciPy.

  Probable Inference, the Law of Succession, and Statistical Inference
  (https://doi.org/10.1080/01621459.1927.10502953).
  """
  if not total:
    return Interval(float('nan'), float('nan'))
  bounds = stats.binomtest(hits, total).proportion_ci(LEVEL, method='wilson')
  return Interval(float(bounds.low), float(bounds.high))


def ranks(
  p: Float[np.ndarray, ' b'], target: Int[np.ndarray, ' b']
) -> dict[str, float]:
  """Areas under both curves, by scikit-learn, and what is said too surely.

  `pr_auc` is average precision; `ece` is over equal parts of the probability
  of yes. NaN where they are not defined.
  """
  names = ('pr_auc', 'roc_auc', 'ece', 'brier')
  if not target.size or not np.isfinite(p).all():
    return dict.fromkeys(names, float('nan'))
  pr_auc = roc_auc = float('nan')
  if 0 < target.mean() < 1:
    pr_auc = float(metrics.average_precision_score(target, p))
    roc_auc = float(metrics.roc_auc_score(target, p))
  ece = calibration.reliability(p, target == 1, count=BINS).error()
  values = (pr_auc, roc_auc, ece, float(((p - target) ** 2).mean()))
  return dict(zip(names, values, strict=True))


def decisions(
  yes: Bool[np.ndarray, ' b'], target: Int[np.ndarray, ' b']
) -> dict[str, float]:
  """Sensitivity, specificity and precision, each with Wilson's interval."""
  there = target == 1
  counts = {
    'sensitivity': (yes & there, there),
    'specificity': (~yes & ~there, ~there),
    'precision': (yes & there, yes),
  }
  numbers = {}
  for name, (hits, total) in counts.items():
    hit, of = int(hits.sum()), int(total.sum())
    numbers[name] = hit / of if of else float('nan')
    low, high = wilson(hit, of)
    numbers |= {f'{name}_low': low, f'{name}_high': high}
  return numbers


def pr_auc_interval(
  p: Float[np.ndarray, ' b'], target: Int[np.ndarray, ' b']
) -> Interval:
  """The percentile bootstrap's, of both classes as often as they are there."""
  if not 0 < target.mean() < 1 or not np.isfinite(p).all():
    return Interval(float('nan'), float('nan'))
  rng = np.random.default_rng(0)
  parts = [np.flatnonzero(target == one) for one in (0, 1)]
  found = []
  for _ in range(_DRAWS):
    drawn = np.concatenate([rng.choice(part, part.size) for part in parts])
    found.append(metrics.average_precision_score(target[drawn], p[drawn]))
  rest = (1 - LEVEL) / 2
  low, high = np.quantile(found, [rest, 1 - rest])
  return Interval(float(low), float(high))
