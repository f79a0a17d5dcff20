"""How far a head's ranks are from those of the data."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from mmjax.evaluators import heads, rows
from mmjax.metrics import Evaluation
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ordinal:
  """Accuracy, mean distance and agreement of the ranks that a head gives.

  Gives `{name}/accuracy`; `{name}/mae`, the distance in ranks; and
  `{name}/kappa`, Cohen's kappa with squared distances as weights
  (https://doi.org/10.1037/h0026256): 1 for agreement, 0 for chance. The rank is
  the number of thresholds that the head calls exceeded, which is the median of
  its distribution and so the choice with the least expected distance.
  """

  head: str = 'rank'
  """Head whose logits, one for each threshold, are scored."""
  target: str = 'rank'
  """Batch key of the truth, from 0; negative is unknown and not counted."""
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
      classes: target -> names of its ranks, where the data has them.

    Returns:
      The numbers; NaN where there is nothing to count.

    Raises:
      InputError: a key or head does not exist, or the head has not one
        threshold less than there are ranks.
    """
    found = heads.answers(
      predict,
      batches,
      head=self.head,
      target=self.target,
      view=self.view,
      only=self.given,
    )
    ranks = found.given.shape[1] + 1
    names = classes.get(self.target)
    if names is not None and found.target.size and len(names) != ranks:
      raise InputError(
        f'head {self.head!r} has {ranks - 1} thresholds, target '
        f'{self.target!r} has {len(names)} ranks'
      )
    known = found.target >= 0
    given, target = found.given[known], found.target[known].astype(int)
    numbers = dict.fromkeys(('accuracy', 'mae', 'kappa'), float('nan'))
    if given.size and np.isfinite(given).all():
      rank = (given > 0).sum(axis=1)
      numbers = {
        'accuracy': float((rank == target).mean()),
        'mae': float(np.abs(rank - target).mean()),
        'kappa': _kappa(rank, target, ranks),
      }
    return Evaluation(
      {f'{self.name}/{key}': value for key, value in numbers.items()}, {}
    )


def _kappa(rank, target, ranks: int) -> float:
  from sklearn import metrics

  if (rank == rank[0]).all() and (target == rank[0]).all():
    return float('nan')  # One rank alone: chance agrees as well.
  return float(
    metrics.cohen_kappa_score(
      target, rank, labels=np.arange(ranks), weights='quadratic'
    )
  )
