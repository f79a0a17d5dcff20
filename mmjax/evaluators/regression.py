"""How far a head's numbers are from those of the data."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from mmjax.evaluators import heads, rows
from mmjax.metrics import Evaluation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Regression:
  """Mean absolute error, root mean squared error and R² of a head.

  Gives `{name}/mae`, `{name}/rmse` and `{name}/r2`, in the data's units; with
  several outputs, the mean over them. R² is 1 for a perfect prediction and 0
  for that of the mean (https://scikit-learn.org/stable/modules/generated/sklearn.metrics.r2_score.html).
  """

  head: str = 'value'
  """Head whose numbers are scored."""
  target: str = 'value'
  """Batch key of the truth; NaN is unknown and not counted."""
  mean: float = 0.0
  """What the objective subtracts from the targets."""
  std: float = 1.0
  """What the objective divides the targets by."""
  name: str = 'fused'
  """Prefix of the numbers."""
  given: tuple[str, ...] = ()
  """The only modalities that the model gets to see; empty for all."""
  view: str = 'default'
  """Layout of the split that is scored."""

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split.

    Args:
      predict: the forward pass.
      batches: view name -> evaluation batches.
      classes: not looked at.

    Returns:
      The numbers; NaN where there is nothing to count, and for R² with fewer
      than two rows.

    Raises:
      InputError: a key or head does not exist.
    """
    del classes
    found = heads.answers(
      predict,
      batches,
      head=self.head,
      target=self.target,
      view=self.view,
      only=self.given,
    )
    given = found.given * self.std + self.mean
    target = found.target.reshape(given.shape).astype(float)
    scores = [
      _scores(given[known, i], target[known, i])
      for i, known in enumerate(np.isfinite(target).T)
    ]
    mean = np.mean(scores, axis=0)
    return Evaluation(
      {
        f'{self.name}/{key}': float(value)
        for key, value in zip(('mae', 'rmse', 'r2'), mean, strict=True)
      },
      {},
    )


def _scores(given, target) -> tuple[float, float, float]:
  from sklearn import metrics

  if not given.size or not np.isfinite(given).all():
    return float('nan'), float('nan'), float('nan')
  r2 = metrics.r2_score(target, given) if given.size > 1 else float('nan')
  return (
    metrics.mean_absolute_error(target, given),
    metrics.root_mean_squared_error(target, given),
    r2,
  )
