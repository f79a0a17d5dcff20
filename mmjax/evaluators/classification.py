"""How often the largest logit is right, whatever modalities are there."""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import special

from mmjax.evaluators import figures, intervals, rows
from mmjax.metrics import Evaluation
from mmjax.types import InputError


class Answers(NamedTuple):
  """What a model said about the counted rows, one after the other.

  Attributes:
    log_probs: normalised log-probabilities; NaN where the model gave NaN.
    target: the right class.
    group: rows with the same value are one example.
  """

  log_probs: Float[np.ndarray, 'b classes']
  target: Int[np.ndarray, ' b']
  group: Int[np.ndarray, ' b']

  def predicted(self) -> Int[np.ndarray, ' b']:
    """The most probable class, -1 (never right) where anything is NaN."""
    broken = np.isnan(self.log_probs).any(axis=1)
    return np.where(broken, -1, self.log_probs.argmax(axis=1))

  def correct(self) -> Bool[np.ndarray, ' b']:
    """Which predictions are right."""
    return self.predicted() == self.target

  def loss(self) -> float:
    """Mean negative log-probability of the right class, NaN without rows."""
    if not self.target.size:
      return float('nan')
    return float(
      -self.log_probs[np.arange(self.target.size), self.target].mean()
    )

  def interval(self) -> intervals.Interval:
    """Bounds of the accuracy, 95 %, NaN without rows."""
    return intervals.of_mean(self.correct())

  def accuracy(self) -> float:
    """Fraction that is right, NaN without rows."""
    return float(self.correct().mean()) if self.target.size else float('nan')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classification:
  """Accuracy and loss of a head, with all modalities and with each subset.

  Gives `{name}/accuracy`, between `{name}/accuracy_low` and `_high` (95 %,
  bootstrap), and `{name}/loss`; without bounds the same for every non-empty
  proper subset of `modalities`: `image/accuracy`, `image+text/accuracy`, ...
  These are the same model with the other modalities masked, over the same
  examples, so that they can be compared: an example that has nothing of a
  subset counts there too.
  """

  head: str = 'label'
  """Head whose logits are scored."""
  target: str = 'label'
  """Batch key with the right class; -1 is unknown and not counted."""
  name: str = 'fused'
  """Prefix of the numbers."""
  modalities: tuple[str, ...] = ()
  """Score every subset of these too; list them in one evaluator only."""
  given: tuple[str, ...] = ()
  """The only modalities that the model gets to see; empty for all."""
  view: str = 'default'
  """Layout of the split that is scored."""
  group: str | None = None
  """Batch key; log-probabilities of rows that share its value are averaged."""

  def __post_init__(self):
    """Checks the modalities."""
    for field in ('modalities', 'given'):
      names = getattr(self, field)
      if len(set(names)) != len(names):
        raise InputError(f'{field} {names} names one twice')
    hidden = set(self.modalities) - set(self.given or self.modalities)
    if hidden:
      raise InputError(
        f'modalities {self.modalities} are to be scored, but given '
        f'{self.given} hides {sorted(hidden)[0]!r}'
      )

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
      The numbers, and the figures `{name}/confusion` and, with `modalities`,
      `{name}/by_modality`.

    Raises:
      InputError: a key or head does not exist, or a class is out of range.
    """
    names = tuple(rows.pick(classes, self.target, what='classes of target'))
    answers = self._answers(predict, batches, names)
    numbers = {}
    for name, answer in answers.items():
      numbers[f'{name}/accuracy'] = answer.accuracy()
      numbers[f'{name}/loss'] = answer.loss()
    full = answers[self.name]
    low, high = full.interval()
    numbers |= {
      f'{self.name}/accuracy_low': low,
      f'{self.name}/accuracy_high': high,
    }
    if not full.target.size:
      return Evaluation(numbers, {})
    draw = {
      f'{self.name}/confusion': functools.partial(
        figures.confusion,
        counts=_confusion(full, len(names)),
        names=names,
        title=f'What {self.name} answered for each {self.target}',
      )
    }
    if self.modalities:
      draw[f'{self.name}/by_modality'] = functools.partial(
        figures.accuracies,
        values={name: answers[name].accuracy() for name in answers},
        chance=float(np.bincount(full.target).max() / full.target.size),
        count=full.target.size,
        title=f'Accuracy of {self.target} by the modalities present',
      )
    return Evaluation(numbers, draw)

  def _subsets(self) -> dict[str, tuple[str, ...]]:
    """Name -> modalities that are kept, empty for all; the full one last."""
    subsets = {
      '+'.join(subset): subset
      for size in range(1, len(self.modalities))
      for subset in itertools.combinations(self.modalities, size)
    }
    return {**subsets, self.name: self.given}

  def _answers(self, predict, batches, names) -> dict[str, Answers]:
    subsets = self._subsets()
    logits = {name: [np.zeros((0, len(names)))] for name in subsets}
    targets, groups = [np.zeros(0, int)], [np.zeros(0, int)]
    for batch in batches(self.view):
      target = rows.column(batch, self.target).astype(int)
      counted = rows.real(batch) & (target >= 0)
      targets.append(target[counted])
      if self.group is not None:
        groups.append(rows.column(batch, self.group).astype(int)[counted])
      for name, subset in subsets.items():
        outputs = predict(rows.only(batch, subset))
        new = rows.pick(outputs['logits'], self.head, what='head')
        if new.shape[-1] != len(names):
          raise InputError(
            f'head {self.head!r} has {new.shape[-1]} classes, target '
            f'{self.target!r} has {len(names)}'
          )
        logits[name].append(rows.host(new).astype(float)[counted])
    target = np.concatenate(targets)
    if target.size and target.max() >= len(names):
      raise InputError(
        f'{self.target} {target.max()} is out of range, there are names for '
        f'{len(names)} classes'
      )
    one_each = np.arange(target.size)
    group = one_each if self.group is None else np.concatenate(groups)
    return {
      name: _grouped(
        Answers(
          special.log_softmax(np.concatenate(parts), axis=1), target, group
        )
      )
      for name, parts in logits.items()
    }


def _grouped(answers: Answers) -> Answers:
  """One row for each group: the geometric mean of its probabilities."""
  groups, first, row = np.unique(
    answers.group, return_index=True, return_inverse=True
  )
  target = answers.target[first]
  clash = np.flatnonzero(target[row] != answers.target)
  if clash.size:
    i = clash[0]
    raise InputError(
      f'group {answers.group[i]} holds targets {target[row[i]]} and '
      f'{answers.target[i]}; one group needs one target'
    )
  total = np.zeros((groups.size, answers.log_probs.shape[1]))
  np.add.at(total, row, answers.log_probs)
  mean = total / np.bincount(row, minlength=groups.size)[:, None]
  return Answers(special.log_softmax(mean, axis=1), target, groups)


def _confusion(answers: Answers, classes: int) -> Int[np.ndarray, 'c c']:
  """How often class (row) was called class (column); NaN is left out."""
  predicted = answers.predicted()
  counts = np.zeros((classes, classes), int)
  np.add.at(
    counts, (answers.target[predicted >= 0], predicted[predicted >= 0]), 1
  )
  return counts
