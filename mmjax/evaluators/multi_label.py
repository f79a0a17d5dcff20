"""How well a head tells, of each class for itself, whether it applies."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from mmjax.evaluators import heads, rows
from mmjax.metrics import Evaluation
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiLabel:
  """F1 and average precision of a head that decides each class alone.

  Gives `{name}/macro_f1`, the mean over classes of F1 with a threshold at
  probability 1/2; `{name}/micro_f1`, F1 of all decisions together;
  `{name}/average_precision`, the mean over classes of the area under precision
  against recall
  (https://scikit-learn.org/stable/modules/generated/sklearn.metrics.average_precision_score.html);
  and `{name}/accuracy` of the decisions. With one class it is binary
  classification, and both F1 are that of the positive class.

  A class without a positive example has no average precision and is left out
  of that mean; its F1 is 0 if the head calls anything positive, else it is
  left out too.
  """

  head: str = 'label'
  """Head whose logits are scored."""
  target: str = 'label'
  """Batch key of the truth: 0 or 1 for each class, `[b classes]`, or `[b]` for
  one class; negative is unknown and not counted."""
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
      The numbers; NaN where there is nothing to count.

    Raises:
      InputError: a key or head does not exist, or head and target differ in
        the number of classes.
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
    if found.target.size != found.given.size:
      raise InputError(
        f'head {self.head!r} gives {found.given.shape[1]} classes, target '
        f'{self.target!r} is {list(found.target.shape[1:])}'
      )
    target = found.target.reshape(found.given.shape)
    numbers = dict.fromkeys(
      ('macro_f1', 'micro_f1', 'average_precision', 'accuracy'), float('nan')
    )
    if found.finite() and (target >= 0).any():
      numbers = _numbers(found.given, target)
    return Evaluation(
      {f'{self.name}/{key}': value for key, value in numbers.items()}, {}
    )


def _numbers(given: np.ndarray, target: np.ndarray) -> dict[str, float]:
  from sklearn import metrics

  known = target >= 0
  truth, called = target > 0.5, given > 0
  f1, precision = [], []
  for i, here in enumerate(known.T):
    true, said = truth[here, i], called[here, i]
    if true.any() or said.any():
      f1.append(metrics.f1_score(true, said))
    if true.any():
      precision.append(metrics.average_precision_score(true, given[here, i]))
  true, said = truth[known], called[known]
  return {
    'macro_f1': _mean(f1),
    'micro_f1': float(metrics.f1_score(true, said)) if f1 else float('nan'),
    'average_precision': _mean(precision),
    'accuracy': float((true == said).mean()),
  }


def _mean(values: Sequence[float]) -> float:
  return float(np.mean(values)) if values else float('nan')
