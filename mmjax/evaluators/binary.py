"""How well one logit tells yes from no."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import special

from mmjax.evaluators import figures, heads, rows
from mmjax.metrics import Evaluation
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Binary:
  """Accuracy, precision, recall, F1, area under the ROC curve, and loss.

  Gives `{name}/accuracy` and so on. A number that is not defined, such as the
  precision of a model that never says yes, is NaN. An answer that is NaN is
  wrong; then there are no area and no loss.
  """

  head: str = 'label'
  """Head of one logit."""
  target: str = 'label'
  """Batch key of the right answer, 0 or 1; -1 is unknown and not counted."""
  name: str = 'fused'
  """Prefix of the numbers."""
  threshold: float = 0.5
  """Probability from which on the answer is yes."""
  given: tuple[str, ...] = ()
  """The only modalities that the model gets to see; empty for all."""
  view: str = 'default'
  """Layout of the split that is scored."""

  def __post_init__(self):
    """Checks the threshold."""
    if not 0 < self.threshold < 1:
      raise InputError(f'threshold {self.threshold} is not between 0 and 1')

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
      classes: target -> names of no and yes.

    Returns:
      The numbers, and the figure `{name}/confusion`.

    Raises:
      InputError: a key or head does not exist or has not the right size, or a
        target is neither 0 nor 1.
    """
    names = tuple(rows.pick(classes, self.target, what='classes of target'))
    if len(names) != 2:
      raise InputError(
        f'target {self.target!r} has {len(names)} classes, not 2'
      )
    logit, target = self._answers(predict, batches)
    numbers = score(logit, target, threshold=self.threshold)
    yes = logit >= special.logit(self.threshold)
    counts = np.zeros((2, 2), int)
    known = np.isfinite(logit)
    np.add.at(counts, (target[known], yes[known].astype(int)), 1)
    draw = functools.partial(
      figures.confusion,
      counts=counts,
      names=names,
      title=f'What {self.name} answered for each {self.target}',
    )
    return Evaluation(
      {f'{self.name}/{key}': value for key, value in numbers.items()},
      {f'{self.name}/confusion': draw} if target.size else {},
    )

  def _answers(self, predict, batches) -> tuple[np.ndarray, np.ndarray]:
    found = heads.answers(
      predict,
      batches,
      head=self.head,
      target=self.target,
      view=self.view,
      only=self.given,
    )
    if found.given.shape[1:] != (1,):
      raise InputError(
        f'head {self.head!r} has {found.given.shape[-1]} logits; one is wanted'
      )
    known = found.target >= 0
    logit, target = found.given[known, 0], found.target[known].astype(int)
    if target.size and target.max() > 1:
      raise InputError(f'{self.target} {target.max()} is neither 0 nor 1')
    return logit, target


def score(
  logit: np.ndarray, target: np.ndarray, *, threshold: float = 0.5
) -> dict[str, float]:
  """The numbers of `Binary`, from logits and answers 0 or 1 of each row."""
  nan = float('nan')
  names = ('accuracy', 'precision', 'recall', 'f1', 'auc', 'loss')
  if not target.size:
    return dict.fromkeys(names, nan)
  yes = logit >= special.logit(threshold)
  broken = np.isnan(logit)
  yes = np.where(broken, target == 0, yes)
  hits = float((yes & (target == 1)).sum())
  said, true = float(yes.sum()), float((target == 1).sum())
  auc = loss = nan
  if not broken.any():
    loss = float(np.logaddexp(0, np.where(target == 1, -logit, logit)).mean())
    if 0 < true < target.size:
      from sklearn import metrics

      auc = float(metrics.roc_auc_score(target, logit))
  values = (
    float((yes == (target == 1)).mean()),
    hits / said if said else nan,
    hits / true if true else nan,
    2 * hits / (said + true) if said + true else nan,
    auc,
    loss,
  )
  return dict(zip(names, values, strict=True))
