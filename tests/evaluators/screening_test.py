"""Screening: areas of scikit-learn's, decisions chosen on validation alone."""

import numpy as np
import pytest
from scipy import special
from sklearn import metrics

from mmjax.data import pipeline
from mmjax.data.datasets.patients import Patients
from mmjax.evaluators import operating, simple_answers
from mmjax.evaluators.screening import Screening
from mmjax.types import InputError

DATA = Patients(examples={'train': 900, 'validation': 300, 'test': 400})


def test_scaling_finds_what_was_done_to_the_logits():
  rng = np.random.default_rng(0)
  true = rng.normal(-2, 2, 40_000)
  target = (rng.random(true.size) < special.expit(true)).astype(int)
  scaling = operating.fit_scaling(3 * (true - 1), target)
  assert scaling.temperature == pytest.approx(3, rel=0.05)
  assert scaling.bias == pytest.approx(1, abs=0.06)
  p = scaling(3 * (true - 1))
  np.testing.assert_allclose(p, special.expit(true), atol=0.02)
  assert operating.ranks(p, target)['ece'] < 0.01
  # What is wrong way round, or has one class, stays as it is.
  assert operating.fit_scaling(-true, target) == operating.Scaling()
  assert operating.fit_scaling(true, 0 * target) == operating.Scaling()


def test_errors_and_areas_by_hand():
  p = np.array([0.05, 0.05, 0.50, 0.90, 0.90])
  target = np.array([0, 1, 1, 1, 0])
  found = operating.ranks(p, target)
  # Three bins: |0.05 - 1/2| of two, |0.5 - 1| of one, |0.9 - 1/2| of two.
  assert found['ece'] == pytest.approx((2 * 0.45 + 0.5 + 2 * 0.4) / 5)
  brier = (0.05**2 + 0.95**2 + 0.5**2 + 0.1**2 + 0.9**2) / 5
  assert found['brier'] == pytest.approx(brier)
  # Of six pairs two are right and two are ties.
  assert found['roc_auc'] == pytest.approx((2 + 0.5 * 2) / 6)
  # Precision 1/2, 2/3, 3/5 at each third of recall.
  area = (1 / 2 + 2 / 3 + 3 / 5) / 3
  assert found['pr_auc'] == pytest.approx(area)


@pytest.mark.parametrize('sensitivity', [0.5, 0.9, 1.0])
def test_no_larger_threshold_reaches_the_sensitivity(sensitivity):
  rng = np.random.default_rng(1)
  p, target = rng.random(500), rng.integers(0, 2, 500)
  threshold = operating.threshold_for(p, target, sensitivity=sensitivity)
  reached = (p >= threshold)[target == 1].mean()
  assert reached >= sensitivity > (p > threshold)[target == 1].mean()
  with pytest.raises(ValueError, match='no target is 1'):
    operating.threshold_for(p, 0 * target, sensitivity=sensitivity)


def test_decisions_are_counted_and_wilson_is_the_formula():
  yes = np.array([True] * 12 + [False] * 28)
  target = np.array([1] * 9 + [0] * 3 + [1] + [0] * 27)
  found = operating.decisions(yes, target)
  assert found['sensitivity'] == 9 / 10
  assert found['specificity'] == 27 / 30
  assert found['precision'] == 9 / 12
  z, n, p = 1.959964, 10, 0.9
  middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
  half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
  assert found['sensitivity_low'] == pytest.approx(middle - half, abs=1e-5)
  assert found['sensitivity_high'] == pytest.approx(middle + half, abs=1e-5)
  none = operating.decisions(np.zeros(40, bool), target)
  assert np.isnan([none['precision'], none['precision_low']]).all()


def test_interval_is_around_the_area_and_narrows():
  rng = np.random.default_rng(2)
  widths = []
  for size in (200, 3200):
    target = (rng.random(size) < 0.2).astype(int)
    p = special.expit(rng.normal(2.0 * target, 1))
    low, high = operating.pr_auc_interval(p, target)
    assert low < metrics.average_precision_score(target, p) < high
    widths.append(high - low)
  assert widths[1] < widths[0] / 2


def scores(batch):
  """A noisy answer, thrice too sure."""
  noise = np.random.default_rng(batch['index'][0]).normal(size=len(batch['x']))
  return 3 * (2.5 * batch['x'] - 3 + noise)


def batches_of(data, change=lambda split, batch: batch):
  def batches(view, split='test'):
    for batch in pipeline.eval_batches(data, split, batch_size=100, view=view):
      yield change(split, {**batch, 'x': batch['label']})

  return batches


def predict(batch):
  return {'logits': {'label': scores(batch)[:, None]}}


@pytest.fixture(scope='module')
def found():
  return Screening()(predict, batches_of(DATA), DATA.classes)


@pytest.mark.slow
def test_numbers_are_those_of_the_rows(found):
  given, target, has_text = {}, {}, {}
  for split in ('validation', 'test'):
    parts = list(batches_of(DATA)('default', split))
    given[split] = np.concatenate([scores(b) for b in parts])
    target[split] = np.concatenate([b['label'] for b in parts])
    has_text[split] = np.concatenate([b['mask']['text'].any(1) for b in parts])
  numbers = {k.removeprefix('screening/'): x for k, x in found.numbers.items()}
  test, logit = target['test'], given['test']
  area = metrics.average_precision_score(test, logit)
  assert numbers['pr_auc'] == pytest.approx(area)
  assert numbers['pr_auc_low'] < area < numbers['pr_auc_high']
  roc_auc = metrics.roc_auc_score(test, logit)
  assert numbers['roc_auc'] == pytest.approx(roc_auc)
  assert numbers['prevalence'] == numbers['prevalence_pr_auc'] == test.mean()
  assert numbers['prevalence_roc_auc'] == 0.5
  # Nine of ten on validation; what it is on test is as it is.
  scaling = operating.fit_scaling(given['validation'], target['validation'])
  ill = scaling(given['validation'])[target['validation'] == 1]
  assert (ill >= numbers['threshold']).mean() >= 0.9
  yes = scaling(logit) >= numbers['threshold']
  assert numbers['sensitivity'] == yes[test == 1].mean()
  assert numbers['specificity'] == (~yes)[test == 0].mean()
  assert numbers['precision'] == test[yes].mean()
  assert numbers['temperature'] > 1.2
  assert numbers['ece'] < numbers['ece_unscaled']
  less = ~has_text['test']
  area = metrics.average_precision_score(test[less], logit[less])
  assert numbers['without_text_pr_auc'] == pytest.approx(area)
  yes_less, ill_less = yes[less], test[less] == 1
  assert numbers['without_text_sensitivity'] == yes_less[ill_less].mean()
  # Baselines have answers of their own, better than none and not perfect.
  for who in ('linear', 'trees'):
    assert test.mean() < numbers[f'{who}_pr_auc'] < 0.9


@pytest.mark.slow
def test_what_is_chosen_does_not_look_at_test(found):
  """Other answers in the test split change no threshold and no scaling."""

  def wrong(split, batch):
    if split != 'test':
      return batch
    return {**batch, 'label': 1 - batch['label']}

  other = Screening()(predict, batches_of(DATA, wrong), DATA.classes)
  chosen = ('threshold', 'temperature', 'bias')
  for who in ('', 'linear_', 'trees_'):
    for key in chosen:
      name = f'screening/{who}{key}'
      assert other.numbers[name] == found.numbers[name]
  assert other.numbers['screening/pr_auc'] != found.numbers['screening/pr_auc']


@pytest.mark.slow
def test_the_figure_of_screening_is_drawn(found, tmp_path):
  found.figures['screening'](tmp_path / 'screening.png')
  assert (tmp_path / 'screening.png').stat().st_size > 20_000


def test_features_count_words_and_see_bands_and_spots():
  image = np.zeros((2, 48, 48, 1), np.uint8)
  image[1, 5, 9] = 255
  time = np.arange(4000) / 4000
  audio = np.stack([0 * time, np.sin(2 * np.pi * 1000 * time)])
  mask = {
    'image': np.ones(2, bool),
    'text': np.array([[True, True, False]] * 2),
    'audio': np.ones((2, 4000), bool),
    'tabular': {'numeric': np.array([[True, False]] * 2)},
  }
  batch = {
    'image': image,
    'text': np.array([[7, 7, 8], [4, 5, 0]]),
    'audio': audio,
    'tabular': {'numeric': np.array([[0.5, np.nan]] * 2)},
    'mask': mask,
  }
  found = simple_answers.features(batch, vocabulary=10)
  assert found.shape == (2, 4 + 10 + 2 * 144 + 16 + 32 + 3)
  np.testing.assert_array_equal(found[0, :4], [0.5, 0, 1, 0])
  np.testing.assert_array_equal(found[0, 4:14], 2 * np.eye(10)[7])
  np.testing.assert_array_equal(found[1, 4:14], np.eye(10)[4] + np.eye(10)[5])
  # Row 1 and column 2 of twelve.
  assert found[1, 14:158].argmax() == 1 * 12 + 2
  assert found[1, 158:302].max() == pytest.approx(1 - 1 / 16)
  # Half of the frequencies are below 1000 Hz.
  assert found[1, 318:334].argmax() in (7, 8)
  np.testing.assert_array_equal(found[:, -3:], 1)


def test_bad_use_is_refused():
  with pytest.raises(InputError, match=r'sensitivity 0.0 is not in \]0, 1\]'):
    Screening(sensitivity=0.0)
  with pytest.raises(InputError, match="'label' has 3 classes, not 2"):
    Screening()(predict, batches_of(DATA), {'label': ('a', 'b', 'c')})
