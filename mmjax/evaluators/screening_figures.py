"""Precision, recall and reliability of what says how likely a finding is."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from sklearn import metrics

from mmjax.evaluators import calibration, operating
from mmjax.evaluators.figures import (
  BLUE,
  FAINT,
  INK,
  QUIET,
  RED,
  blank,
  finish,
)

_COLORS = {'': BLUE, 'linear_': RED, 'trees_': QUIET}
_CALLED = {
  '': 'the model',
  'linear_': 'logistic regression',
  'trees_': 'boosted trees',
}


class Answers(NamedTuple):
  """What one of them says.

  Attributes:
    raw: probabilities before scaling.
    p: behind it.
    threshold: from which on `p` means yes.
  """

  raw: Float[np.ndarray, ' b']
  p: Float[np.ndarray, ' b']
  threshold: float


def draw(
  path: Path,
  *,
  answers: Mapping[str, Answers],
  target: Int[np.ndarray, ' b'],
) -> None:
  """Draws a precision-recall curve with operating points, and reliability.

  Args:
    path: PNG that is written.
    answers: of the model (''), and of baselines (`linear_`, `trees_`).
    target: 0 or 1.
  """
  figure = blank(9.6, 4.4)
  curves, sure = figure.subplots(1, 2)
  for who, one in answers.items():
    precision, recall, _ = metrics.precision_recall_curve(target, one.p)
    area = metrics.average_precision_score(target, one.p)
    label = f'{_CALLED[who]}: {area:.3f}'
    curves.plot(recall, precision, color=_COLORS[who], label=label)
    at = operating.decisions(one.p >= one.threshold, target)
    curves.plot(
      at['sensitivity'], at['precision'], 'o', color=_COLORS[who], markersize=7
    )
  usual = target.mean()
  curves.axhline(
    usual, color=FAINT, linestyle='--', label=f'prevalence: {usual:.3f}'
  )
  curves.set_xlabel('sensitivity (recall)')
  curves.set_ylabel('precision')
  curves.set_ylim(0, 1.02)
  curves.legend(frameon=False, fontsize=8, title='PR-AUC', title_fontsize=8)
  _reliability(sure, answers[''], target)
  for axes in (curves, sure):
    axes.spines[['top', 'right']].set_visible(False)
  title = (
    f'{len(target)} patients, {target.sum()} with the finding; points: '
    'thresholds chosen on validation'
  )
  finish(figure, path, title=title)


def _reliability(axes: Axes, one: Answers, target: np.ndarray) -> None:
  axes.plot([0, 1], [0, 1], color=FAINT, linestyle='--')
  for p, color, label in (
    (one.raw, QUIET, 'as the model says'), (one.p, BLUE, 'scaled')
  ):  # fmt: skip
    bins = calibration.reliability(p, target == 1, count=operating.BINS)
    here = bins.count > 0
    label = f'{label}: ECE {bins.error():.4f}'
    axes.plot(
      bins.sure[here], bins.right[here], 'o-', color=color, label=label,
      markersize=4,
    )  # fmt: skip
  axes.axvline(one.threshold, color=INK, linewidth=0.8, linestyle=':')
  axes.set_xlabel('probability of the finding that is said')
  axes.set_ylabel('how often it is there')
  axes.legend(frameon=False, fontsize=8)
