import numpy as np
import pytest
from sklearn import metrics

from mmjax.evaluators.binary import Binary, score
from mmjax.types import InputError

CLASSES = {'label': ('ham', 'spam')}


def _batches(logit, label, weight=None, size=4):
  """Batches of rows whose input is the logit; the last is filled up."""
  pad = -len(logit) % size
  weight = np.ones(len(logit)) if weight is None else weight
  columns = {
    'x': np.pad(np.asarray(logit, float), (0, pad), constant_values=9),
    'label': np.pad(np.asarray(label), (0, pad)),
    'weight': np.pad(weight, (0, pad)),
  }

  def batches(view):
    assert view == 'default'
    for i in range(0, len(logit) + pad, size):
      yield {
        **{k: v[i : i + size] for k, v in columns.items()},
        'mask': {'text': np.ones((size, 1), bool)},
      }

  return batches


def _predict(batch):
  return {'logits': {'label': batch['x'][:, None]}}


def test_the_numbers_are_those_of_scikit_learn(rng):
  logit, label = rng.normal(size=50), rng.integers(0, 2, 50)
  found = Binary(name='a')(_predict, _batches(logit, label), CLASSES)
  p = 1 / (1 + np.exp(-logit))
  yes = p >= 0.5
  expected = {
    'a/accuracy': metrics.accuracy_score(label, yes),
    'a/precision': metrics.precision_score(label, yes),
    'a/recall': metrics.recall_score(label, yes),
    'a/f1': metrics.f1_score(label, yes),
    'a/auc': metrics.roc_auc_score(label, p),
    'a/loss': metrics.log_loss(label, p),
  }
  assert found.numbers.keys() == expected.keys()
  for name, value in expected.items():
    assert found.numbers[name] == pytest.approx(value, rel=1e-9), name


def test_the_threshold_is_a_probability():
  numbers = score(
    np.log([0.2 / 0.8, 0.31 / 0.69, 0.9 / 0.1]), np.array([0, 1, 1]),
    threshold=0.3,
  )  # fmt: skip
  assert numbers['accuracy'] == numbers['f1'] == 1
  numbers = Binary(threshold=0.95)(
    _predict, _batches([0.0, 2.0], [0, 1]), CLASSES
  ).numbers
  assert numbers['fused/accuracy'] == 0.5
  assert numbers['fused/recall'] == 0
  assert np.isnan(numbers['fused/precision'])


def test_rows_that_fill_up_or_are_unknown_do_not_count():
  weight = np.array([1, 1, 0, 1, 1, 1])
  batches = _batches([5, -5, 5, 5, -5, 5], [1, 0, 0, 1, 0, -1], weight)
  numbers = Binary()(_predict, batches, CLASSES).numbers
  assert numbers['fused/accuracy'] == numbers['fused/auc'] == 1


def test_nan_is_wrong_and_what_is_not_defined_is_nan():
  numbers = score(np.array([np.nan, np.nan, 5.0]), np.array([0, 1, 1]))
  assert numbers['accuracy'] == pytest.approx(1 / 3)
  assert numbers['precision'] == numbers['recall'] == numbers['f1'] == 0.5
  assert np.isnan(numbers['auc'])
  assert np.isnan(numbers['loss'])
  assert all(np.isnan(v) for v in score(np.zeros(0), np.zeros(0)).values())
  assert np.isnan(score(np.ones(2), np.ones(2))['auc'])


def test_the_confusion_is_drawn(tmp_path):
  found = Binary()(_predict, _batches([5, -5], [1, 1]), CLASSES)
  (draw,) = found.figures.values()
  assert draw.keywords['counts'].tolist() == [[0, 0], [1, 1]]
  draw(tmp_path / 'x.png')
  assert (tmp_path / 'x.png').stat().st_size > 1000


def test_what_does_not_fit_is_named():
  batches = _batches([1.0], [1])
  with pytest.raises(InputError, match='threshold 1.0 is not between 0 and 1'):
    Binary(threshold=1.0)
  with pytest.raises(InputError, match="target 'label' has 3 classes, not 2"):
    Binary()(_predict, batches, {'label': ('a', 'b', 'c')})
  with pytest.raises(InputError, match="no head 'spam', there is label"):
    Binary(head='spam')(_predict, batches, CLASSES)
  with pytest.raises(InputError, match="head 'label' has 2 logits"):
    Binary()(
      lambda b: {'logits': {'label': np.zeros((4, 2))}}, batches, CLASSES
    )
  with pytest.raises(InputError, match='label 2 is neither 0 nor 1'):
    Binary()(_predict, _batches([1.0], [2]), CLASSES)
