"""Regression, ordinal and multi-label: the numbers are scikit-learn's."""

import numpy as np
import pytest
from scipy import special
from sklearn import metrics

from mmjax.evaluators import MultiLabel, Ordinal, Regression
from mmjax.types import InputError

REAL = 21


def _data(rng, outputs, target):
  """Two batches and a half; the filling is NaN."""
  padded = 24
  given = rng.normal(size=(padded, outputs)).astype(np.float32)
  given[REAL:] = np.nan
  data = {
    'given': given,
    'truth': target(padded),
    'weight': (np.arange(padded) < REAL).astype(np.float32),
  }
  mask = {'image': np.ones(padded, bool), 'text': np.ones((padded, 3), bool)}

  def batches(view):
    assert view == 'default'
    for i in range(0, padded, 8):
      part = {k: v[i : i + 8] for k, v in data.items()}
      yield part | {'mask': {k: v[i : i + 8] for k, v in mask.items()}}

  return data, batches


def _predict(batch):
  # What is hidden from the model counts against it.
  seen = batch['mask']['text'].any(axis=1)[:, None]
  return {'logits': {'head': np.where(seen, batch['given'], 0)}}


def _floats(rng, *shape):
  return lambda n: rng.normal(size=(n, *shape)).astype(np.float32) * 5 + 3


@pytest.mark.parametrize('outputs', [1, 3])
def test_regression(rng, outputs):
  shape = () if outputs == 1 else (outputs,)
  data, batches = _data(rng, outputs, _floats(rng, *shape))
  evaluator = Regression(head='head', target='truth', mean=3.0, std=5.0)
  got = evaluator(_predict, batches, {}).numbers
  given, truth = data['given'][:REAL] * 5 + 3, data['truth'][:REAL]
  truth = truth.reshape(given.shape)
  assert got == pytest.approx(
    {
      'fused/mae': metrics.mean_absolute_error(truth, given),
      'fused/rmse': metrics.root_mean_squared_error(truth, given),
      'fused/r2': metrics.r2_score(truth, given),
    },
    rel=1e-5,
  )
  # Unknown targets are left out, of each output for itself.
  data['truth'][:8] = np.nan
  got = evaluator(_predict, batches, {}).numbers
  assert got['fused/mae'] == pytest.approx(
    np.abs(truth[8:] - given[8:]).mean(), rel=1e-5
  )
  # The mean has an R² of zero or a little less.
  blind = Regression(head='head', target='truth', given=('image',), mean=3.0)
  assert -0.5 < blind(_predict, batches, {}).numbers['fused/r2'] <= 0


def test_regression_without_rows_or_with_nan_is_nan(rng):
  data, batches = _data(rng, 1, _floats(rng))
  evaluator = Regression(head='head', target='truth', name='age')
  data['weight'][1:] = 0
  got = evaluator(_predict, batches, {}).numbers
  assert np.isfinite(got['age/mae'])
  assert np.isnan(got['age/r2'])  # of one row
  data['given'][0] = np.nan
  got = evaluator(_predict, batches, {}).numbers
  assert np.isnan([*got.values()]).all()
  data['weight'][:] = 0
  got = evaluator(_predict, batches, {}).numbers
  assert np.isnan([*got.values()]).all()


def _ranks(rng):
  return lambda n: rng.integers(-1, 4, n)


def test_ordinal(rng):
  data, batches = _data(rng, 3, _ranks(rng))
  data['given'] = -np.sort(-data['given'], axis=1)
  evaluator = Ordinal(head='head', target='truth')
  got = evaluator(_predict, batches, {}).numbers
  truth = data['truth'][:REAL]
  known = truth >= 0
  # The median of the proportional-odds distribution.
  above = special.expit(data['given'][:REAL].astype(float))
  rank = (above > 0.5).sum(axis=1)
  assert got == pytest.approx(
    {
      'fused/accuracy': metrics.accuracy_score(truth[known], rank[known]),
      'fused/mae': metrics.mean_absolute_error(truth[known], rank[known]),
      'fused/kappa': metrics.cohen_kappa_score(
        truth[known], rank[known], weights='quadratic'
      ),
    }
  )
  assert evaluator(_predict, batches, {'truth': tuple('abcd')}).numbers == got
  with pytest.raises(
    InputError, match="has 3 thresholds, target 'truth' has 3"
  ):
    evaluator(_predict, batches, {'truth': tuple('abc')})
  data['truth'][:] = -1
  got = evaluator(_predict, batches, {}).numbers
  assert np.isnan([*got.values()]).all()


def test_ordinal_kappa_of_one_rank_is_unknown(rng):
  data, batches = _data(rng, 3, _ranks(rng))
  data['given'][:REAL], data['truth'][:] = -1, 0
  got = Ordinal(head='head', target='truth')(_predict, batches, {}).numbers
  assert got['fused/accuracy'] == 1
  assert np.isnan(got['fused/kappa'])


def test_multi_label(rng):
  data, batches = _data(rng, 3, lambda n: rng.integers(0, 2, (n, 3)))
  evaluator = MultiLabel(head='head', target='truth')
  got = evaluator(_predict, batches, {}).numbers
  given, truth = data['given'][:REAL], data['truth'][:REAL]
  assert got == pytest.approx(
    {
      'fused/macro_f1': metrics.f1_score(truth, given > 0, average='macro'),
      'fused/micro_f1': metrics.f1_score(truth, given > 0, average='micro'),
      'fused/average_precision': metrics.average_precision_score(
        truth, given, average='macro'
      ),
      'fused/accuracy': ((given > 0) == truth).mean(),
    }
  )


def test_multi_label_leaves_out_what_is_unknown(rng):
  data, batches = _data(rng, 3, lambda n: rng.integers(-1, 2, (n, 3)))
  data['truth'][:, 2] = 0  # no positive example,
  data['given'][:REAL, 2] = -1  # and none was called
  got = MultiLabel(head='head', target='truth')(_predict, batches, {}).numbers
  f1, precision = [], []
  for i in range(2):
    known = data['truth'][:REAL, i] >= 0
    true = data['truth'][:REAL, i][known]
    given = data['given'][:REAL, i][known]
    f1.append(metrics.f1_score(true, given > 0))
    precision.append(metrics.average_precision_score(true, given))
  assert got['fused/macro_f1'] == pytest.approx(np.mean(f1))
  assert got['fused/average_precision'] == pytest.approx(np.mean(precision))


def test_binary_is_multi_label_with_one_class(rng):
  data, batches = _data(rng, 1, lambda n: rng.integers(0, 2, n))
  got = MultiLabel(head='head', target='truth')(_predict, batches, {}).numbers
  f1 = metrics.f1_score(data['truth'][:REAL], data['given'][:REAL, 0] > 0)
  assert got['fused/macro_f1'] == got['fused/micro_f1'] == pytest.approx(f1)
  data['truth'][:] = -1
  got = MultiLabel(head='head', target='truth')(_predict, batches, {}).numbers
  assert np.isnan([*got.values()]).all()


def test_what_does_not_fit_is_named(rng):
  _, batches = _data(rng, 3, lambda n: rng.integers(0, 2, (n, 2)))
  with pytest.raises(InputError, match=r"'head' gives 3 classes.*'truth' is"):
    MultiLabel(head='head', target='truth')(_predict, batches, {})
  with pytest.raises(InputError, match="no head 'haed', there is head"):
    Regression(head='haed', target='truth')(_predict, batches, {})
