"""Calibration and the scores of single classes, beside scikit-learn."""

import numpy as np
import pytest
from scipy import special
from sklearn import metrics

from mmjax.evaluators import Calibration, ClassScores
from mmjax.evaluators.calibration import reliability
from mmjax.types import InputError

NAMES = tuple('abcde')
CLASSES = {'label': NAMES}


@pytest.fixture
def data(rng):
  logits = rng.normal(size=(40, 5)).astype(np.float32) * 2
  label = logits.argmax(axis=1)
  wrong = rng.random(40) < 0.4
  # Nothing is an `e`; three rows are not known, four only fill up.
  label = np.where(wrong, rng.integers(0, 4, 40), label % 4)
  label[5:8] = -1
  weight = np.ones(40, np.float32)
  weight[36:] = 0
  logits[36:] = np.nan
  return logits, label.astype(np.int32), weight


def _run(evaluator, data):
  logits, label, weight = data

  def batches(view):
    for i in range(0, len(label), 8):
      part = slice(i, i + 8)
      yield {
        'label': label[part],
        'weight': weight[part],
        'logits': logits[part],
        'mask': {'image': np.ones(8, bool)},
      }

  return evaluator(
    lambda batch: {'logits': {'label': batch['logits']}}, batches, CLASSES
  )


def _known(data):
  logits, label, weight = data
  known = (weight > 0) & (label >= 0)
  return logits[known].astype(float), label[known]


def test_scores_of_classes_are_those_of_sklearn(data):
  logits, label = _known(data)
  said = logits.argmax(axis=1)
  found = _run(ClassScores(k=(2, 3)), data)
  got = found.numbers
  want = {'labels': range(4), 'average': 'macro', 'zero_division': 0}
  assert got['classes/macro_f1'] == pytest.approx(
    metrics.f1_score(label, said, **want)
  )
  assert got['classes/macro_precision'] == pytest.approx(
    metrics.precision_score(label, said, **want)
  )
  # It warns of answers that are no class of the truth, as `e` is here.
  with pytest.warns(UserWarning, match='y_pred contains classes not in y_true'):
    balanced = metrics.balanced_accuracy_score(label, said)
  assert got['classes/balanced_accuracy'] == pytest.approx(balanced)
  for k in (2, 3):
    assert got[f'classes/top_{k}_accuracy'] == pytest.approx(
      metrics.top_k_accuracy_score(label, logits, k=k, labels=range(5))
    )
  table = found.tables['classes_by_class']
  assert [row['class'] for row in table] == list('abcd')
  assert sum(row['examples'] for row in table) == len(label)
  recall = metrics.recall_score(label, said, labels=range(4), average=None)
  np.testing.assert_allclose([row['recall'] for row in table], recall)


def test_an_answer_that_is_not_a_number_is_wrong(data):
  logits, label, weight = data
  before = _run(ClassScores(k=(5,)), data).numbers
  assert before['classes/top_5_accuracy'] == 1.0
  logits[0, 1] = np.nan
  after = _run(ClassScores(k=(5,)), data).numbers
  known = ((weight > 0) & (label >= 0)).sum()
  assert after['classes/top_5_accuracy'] == pytest.approx(1 - 1 / known)
  assert np.isnan(_run(Calibration(), data).numbers['calibration/ece'])


def test_calibration_is_its_definition(data):
  logits, label = _known(data)
  p = special.softmax(logits, axis=1)
  sure, right = p.max(axis=1), p.argmax(axis=1) == label
  ece = 0.0
  for low in np.arange(10) / 10:
    here = (sure > low) & (sure <= low + 0.1)
    if here.any():
      gap = abs(right[here].mean() - sure[here].mean())
      ece += here.mean() * gap
  got = _run(Calibration(bins=10), data).numbers
  assert got['calibration/ece'] == pytest.approx(ece)
  assert got['calibration/mce'] >= got['calibration/ece']
  assert got['calibration/confidence'] == pytest.approx(sure.mean())
  brier = metrics.brier_score_loss(label, p, labels=range(5))
  assert got['calibration/brier'] == pytest.approx(brier)


def test_who_is_right_as_often_as_said_has_no_error(rng):
  sure = rng.uniform(0.2, 1, 40_000)
  right = rng.random(40_000) < sure
  bins = reliability(sure, right, count=15)
  assert bins.error() < 0.02
  assert bins.count.sum() == 40_000
  # One who is twice as sure of it as should be is told.
  assert (
    reliability(sure, rng.random(40_000) < sure / 2, count=15).error() > 0.25
  )


def test_a_temperature_makes_a_model_less_sure(data):
  warm = _run(Calibration(temperature=5.0), data).numbers
  cold = _run(Calibration(), data).numbers
  assert warm['calibration/confidence'] < cold['calibration/confidence']


def test_a_diagram_is_drawn(data, tmp_path):
  draw = _run(Calibration(), data).figures['calibration/reliability']
  draw(tmp_path / 'x.png')
  assert (tmp_path / 'x.png').stat().st_size > 1000


@pytest.mark.parametrize(
  ('make', 'message'),
  [
    (lambda: Calibration(bins=0), 'bins 0 must be at least 1'),
    (lambda: Calibration(temperature=0.0), 'temperature 0.0 is not positive'),
    (lambda: ClassScores(k=(0,)), r'k \(0,\) must be at least 1'),
  ],
)
def test_fields_that_make_no_sense_are_told(make, message):
  with pytest.raises(InputError, match=message):
    make()
