import math

import numpy as np
import pytest

from mmjax.evaluators import intervals


def test_of_yes_and_no_it_is_the_bootstrap_without_drawing(rng):
  values = rng.random(400) < 0.7
  drawn = rng.choice(values, (4000, 400)).mean(axis=1)
  want = np.percentile(drawn, [2.5, 97.5])
  np.testing.assert_allclose(intervals.of_mean(values), want, atol=0.006)


def test_it_holds_the_true_mean_as_often_as_it_says(rng):
  hits = 0
  for _ in range(200):
    low, high = intervals.of_mean(rng.normal(size=60) * 2 + 5, level=0.8)
    hits += low < 5 < high
  # 160 are expected; the standard deviation is 5.7.
  assert 140 < hits < 180


def test_it_is_the_same_each_time_and_narrows_with_examples(rng):
  values = rng.exponential(size=900)
  first = intervals.of_mean(values)
  assert first == intervals.of_mean(values)
  assert first.low < values.mean() < first.high
  few = intervals.of_mean(values[:90])
  assert 2 < (few.high - few.low) / (first.high - first.low) < 5


@pytest.mark.parametrize('values', [[], [1.0, math.nan]])
def test_without_numbers_there_are_no_bounds(values):
  assert np.isnan(intervals.of_mean(np.array(values))).all()


def test_of_equal_values_both_bounds_are_the_value():
  assert intervals.of_mean(np.full(5, 0.25)) == (0.25, 0.25)
  assert intervals.of_mean(np.ones(5, bool)) == (1.0, 1.0)
