"""Whether a rare finding is told, how surely, and at which threshold."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmjax.evaluators import (
  operating,
  rows,
  screening_figures,
  simple_answers,
)
from mmjax.metrics import Evaluation
from mmjax.types import InputError

_Columns = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Screening:
  """Areas under curves, calibration, and decisions at an operating point.

  Scaling and threshold are chosen on the validation split and applied to the
  split that is scored. Gives, with `{name}/` before them, `pr_auc` with
  `pr_auc_low` and `_high`, `roc_auc`, `ece` and `brier` behind scaling and
  `ece_unscaled`; `sensitivity`, `specificity` and `precision` at `threshold`,
  each with `_low` and `_high`; `temperature`, `bias` and `prevalence`.

  The same, but for intervals of areas, of what scikit-learn makes of the same
  rows: `linear_...` and `trees_...`, fitted on the training split, scaled and
  cut on validation (`mmjax/evaluators/simple_answers.py`). The prevalence of
  training as everybody's probability has `prevalence_pr_auc`, `_roc_auc`,
  `_ece` and `_brier`. `without_text_...` are all of them among the rows that
  lack a text.
  """

  head: str = 'label'
  """Head of one logit."""
  target: str = 'label'
  """Batch key of the right answer, 0 or 1."""
  name: str = 'screening'
  """Prefix of the numbers."""
  sensitivity: float = 0.9
  """What the threshold reaches on validation."""
  vocabulary: int = 2048
  """Number of token ids, for the words that baselines count."""

  def __post_init__(self):
    """Checks the sensitivity."""
    if not 0 < self.sensitivity <= 1:
      raise InputError(f'sensitivity {self.sensitivity} is not in ]0, 1]')

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split.

    Args:
      predict: the forward pass.
      batches: `(view, split)` -> evaluation batches.
      classes: target -> names of no and yes.

    Returns:
      The numbers, and the figure `{name}`.

    Raises:
      InputError: a key or head does not exist or has not the right size, or
        training or validation has rows of one answer only.
    """
    names = tuple(rows.pick(classes, self.target, what='classes of target'))
    if len(names) != 2:
      raise InputError(
        f'target {self.target!r} has {len(names)} classes, not 2'
      )
    train = self._run(None, batches('default', 'train'))
    known = self._run(predict, batches('default', 'validation'))
    asked = self._run(predict, batches('default'))
    for split, one in (('train', train), ('validation', known)):
      if not 0 < one['target'].mean() < 1:
        raise InputError(f'{split} has rows of one {self.target} only')
    # Words that training never has, and the like.
    varied = np.ptp(train['features'], axis=0) > 0
    for one in (train, known, asked):
      one['features'] = one['features'][:, varied]
    logits = {
      '': (known['logit'], asked['logit']),
      'linear_': simple_answers.linear(train, known, asked),
      'trees_': simple_answers.trees(train, known, asked),
    }
    target = asked['target']
    groups = {
      '': np.ones(target.shape, bool),
      'without_text_': ~asked['has_text'],
    }
    numbers, drawn = {}, {}
    for who, (chosen_on, logit) in logits.items():
      scaling = operating.fit_scaling(chosen_on, known['target'])
      threshold = operating.threshold_for(
        scaling(chosen_on), known['target'], sensitivity=self.sensitivity
      )
      numbers |= {
        f'{who}threshold': threshold,
        f'{who}temperature': scaling.temperature,
        f'{who}bias': scaling.bias,
      }
      raw, p = operating.Scaling()(logit), scaling(logit)
      drawn[who] = screening_figures.Answers(raw, p, threshold)
      for group, of in groups.items():
        plain = operating.ranks(raw[of], target[of])
        found = {
          **operating.ranks(p[of], target[of]),
          'ece_unscaled': plain['ece'],
          **operating.decisions(p[of] >= threshold, target[of]),
        }
        numbers |= {f'{group}{who}{key}': x for key, x in found.items()}
        if not who:
          low, high = operating.pr_auc_interval(p[of], target[of])
          numbers |= {f'{group}pr_auc_low': low, f'{group}pr_auc_high': high}
    usual = train['target'].mean()
    for group, of in groups.items():
      found = operating.ranks(np.full(of.sum(), usual), target[of])
      numbers |= {f'{group}prevalence_{key}': x for key, x in found.items()}
      numbers[f'{group}prevalence'] = (
        target[of].mean() if of.any() else float('nan')
      )
    draw = functools.partial(
      screening_figures.draw, answers=drawn, target=target
    )
    return Evaluation(
      {f'{self.name}/{key}': float(x) for key, x in numbers.items()},
      {self.name: draw},
    )

  def _run(self, predict: rows.Predict | None, batches: Any) -> _Columns:
    """Answers, truth and features of the real rows."""
    parts = []
    for batch in batches:
      one = {
        'target': rows.column(batch, self.target),
        'has_text': rows.present(batch, 'text'),
        'features': simple_answers.features(batch, vocabulary=self.vocabulary),
      }
      if predict is not None:
        logits = predict(batch)['logits']
        given = rows.host(rows.pick(logits, self.head, what='head'))
        if given.shape[1:] != (1,):
          raise InputError(
            f'head {self.head!r} has {given.shape[-1]} logits; one is wanted'
          )
        one['logit'] = given[:, 0].astype(float)
      real = rows.real(batch)
      parts.append({key: x[real] for key, x in one.items()})
    return {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
