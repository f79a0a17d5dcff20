"""Whether a model is right as often as it says that it is."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import special

from mmjax.evaluators import figures, heads, rows
from mmjax.metrics import Evaluation
from mmjax.types import InputError


class Bins(NamedTuple):
  """Examples by how sure the model is of them.

  Attributes:
    count: examples of each bin.
    sure: mean probability of the class that is answered; NaN without any.
    right: fraction of these answers that is right; NaN without any.
  """

  count: Int[np.ndarray, ' n']
  sure: Float[np.ndarray, ' n']
  right: Float[np.ndarray, ' n']

  def error(self) -> float:
    """Mean over examples of the gap between both, NaN without examples."""
    if not self.count.sum():
      return float('nan')
    gap = np.nan_to_num(np.abs(self.sure - self.right))
    return float((gap * self.count).sum() / self.count.sum())

  def largest(self) -> float:
    """The largest gap of a bin, NaN without examples."""
    gap = np.abs(self.sure - self.right)[self.count > 0]
    return float(gap.max()) if gap.size else float('nan')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
  """Expected and largest calibration error, Brier score and sureness.

  Gives `{name}/ece`, `{name}/mce`, `{name}/brier` (the sum over classes of
  squared differences, mean over examples) and `{name}/confidence`, and draws a
  reliability diagram. On Calibration of Modern Neural Networks
  (https://arxiv.org/abs/1706.04599).
  """

  head: str = 'label'
  """Head whose logits are scored, one for each class."""
  target: str = 'label'
  """Batch key with the right class; -1 is unknown and not counted."""
  name: str = 'calibration'
  """Prefix of the numbers."""
  bins: int = 15
  """Equal parts of the probabilities from 0 to 1."""
  temperature: float = 1.0
  """What the logits are divided by first, as one that was chosen on the
  validation split."""
  given: tuple[str, ...] = ()
  """The only modalities that the model gets to see; empty for all."""
  view: str = 'default'
  """Layout of the split that is scored."""

  def __post_init__(self):
    """Checks the numbers."""
    if self.bins < 1:
      raise InputError(f'bins {self.bins} must be at least 1')
    if not self.temperature > 0:
      raise InputError(f'temperature {self.temperature} is not positive')

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
      The numbers, NaN where there is nothing to count, and the figure
      `{name}/reliability`.

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
    known = found.target >= 0
    logits, target = found.given[known], found.target[known].astype(int)
    if not target.size or not np.isfinite(logits).all():
      numbers = dict.fromkeys(('ece', 'mce', 'brier', 'confidence'), np.nan)
      return Evaluation(
        {f'{self.name}/{key}': value for key, value in numbers.items()}, {}
      )
    p = special.softmax(logits / self.temperature, axis=1)
    sure, right = p.max(axis=1), p.argmax(axis=1) == target
    bins = reliability(sure, right, count=self.bins)
    one_hot = np.eye(p.shape[1])[target]
    numbers = {
      'ece': bins.error(),
      'mce': bins.largest(),
      'brier': float(((p - one_hot) ** 2).sum(axis=1).mean()),
      'confidence': float(sure.mean()),
    }
    draw = functools.partial(
      _draw, bins=bins, title=f'{self.name}: how often what is said is right'
    )
    return Evaluation(
      {f'{self.name}/{key}': value for key, value in numbers.items()},
      {f'{self.name}/reliability': draw},
    )


def reliability(
  sure: Float[np.ndarray, ' b'], right: Bool[np.ndarray, ' b'], *, count: int
) -> Bins:
  """Sorts examples into equal parts of the probabilities `]i/count, ...]`."""
  place = np.clip(np.ceil(sure * count).astype(int) - 1, 0, count - 1)
  total = np.bincount(place, minlength=count)
  with np.errstate(invalid='ignore'):
    return Bins(
      total,
      np.bincount(place, sure, minlength=count) / total,
      np.bincount(place, right, minlength=count) / total,
    )


def _draw(path: Path, *, bins: Bins, title: str) -> None:
  """Bars of how often each bin is right, beside what it says."""
  figure = figures.blank(4.8, 4.6)
  axes = figure.add_subplot()
  edges = np.linspace(0, 1, len(bins.count) + 1)
  here = bins.count > 0
  axes.bar(
    edges[:-1][here],
    bins.right[here],
    width=1 / len(bins.count),
    align='edge',
    color=figures.PALE_BLUE,
    edgecolor=figures.PAPER,
  )
  axes.plot(bins.sure[here], bins.right[here], 'o', color=figures.BLUE, ms=4)
  axes.plot([0, 1], [0, 1], color=figures.RED, dashes=(4, 3), linewidth=1.2)
  axes.set_xlim(0, 1)
  axes.set_ylim(0, 1)
  axes.set_xlabel('probability that the model gives its answer')
  axes.set_ylabel('how often the answer is right')
  axes.spines[['top', 'right']].set_visible(False)
  title = f'{title}\n{bins.count.sum()} examples, error {bins.error():.3f}'
  figures.finish(figure, path, title=title)
