"""Every class by itself: for data in which some are rare."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmjax.evaluators import heads, rows
from mmjax.metrics import Evaluation
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassScores:
  """Precision, recall and F1 of each class, and their means over classes.

  Gives `{name}/macro_f1`, `{name}/macro_precision`, `{name}/balanced_accuracy`
  (mean recall) and `{name}/top_K_accuracy`, and all classes as a table.
  Computed by scikit-learn; classes that do not occur in the split are left out
  of the means. A row with NaN is wrong.
  """

  head: str = 'label'
  """Head whose logits are scored, one for each class."""
  target: str = 'label'
  """Batch key with the right class; -1 is unknown and not counted."""
  name: str = 'classes'
  """Prefix of the numbers."""
  k: tuple[int, ...] = (5,)
  """How many of the likeliest classes may hold the right one."""
  given: tuple[str, ...] = ()
  """The only modalities that the model gets to see; empty for all."""
  view: str = 'default'
  """Layout of the split that is scored."""

  def __post_init__(self):
    """Checks the lengths."""
    if min(self.k, default=1) < 1:
      raise InputError(f'k {self.k} must be at least 1')

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
      classes: target -> names of its classes.

    Returns:
      The numbers, NaN where there is nothing to count, and the table
      `{name}_by_class`.

    Raises:
      InputError: a key or head does not exist, or the head has another number
        of classes.
    """
    names = tuple(rows.pick(classes, self.target, what='classes of target'))
    found = heads.answers(
      predict,
      batches,
      head=self.head,
      target=self.target,
      view=self.view,
      only=self.given,
    )
    known = found.target >= 0
    logits, target = found.given[known], found.target[known].astype(int)
    if target.size and logits.shape[1] != len(names):
      raise InputError(
        f'head {self.head!r} has {logits.shape[1]} classes, target '
        f'{self.target!r} has {len(names)}'
      )
    keys = ['macro_f1', 'macro_precision', 'balanced_accuracy']
    keys += [f'top_{k}_accuracy' for k in self.k]
    if not target.size:
      nan = float('nan')
      return Evaluation({f'{self.name}/{key}': nan for key in keys}, {})
    broken: Any = ~np.isfinite(logits).all(axis=1)
    said = np.where(broken, len(names), logits.argmax(axis=1))
    occurs = np.unique(target)
    from sklearn import metrics

    score: Any = metrics.precision_recall_fscore_support
    scores = score(target, said, labels=occurs, zero_division=0.0)
    precision, recall, f1, count = scores
    order: Any = np.argsort(-logits, axis=1, kind='stable')
    hits: Any = (order == target[:, None]) & ~broken[:, None]
    values = [f1.mean(), precision.mean(), recall.mean()]
    values += [hits[:, :k].any(axis=1).mean() for k in self.k]
    table = [
      {
        'class': names[i],
        'examples': int(count[row]),
        'precision': float(precision[row]),
        'recall': float(recall[row]),
        'f1': float(f1[row]),
      }
      for row, i in enumerate(occurs)
    ]
    return Evaluation(
      {
        f'{self.name}/{key}': float(value)
        for key, value in zip(keys, values, strict=True)
      },
      {},
      {f'{self.name}_by_class': table},
    )
