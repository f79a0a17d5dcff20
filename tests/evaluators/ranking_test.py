import math

import numpy as np
import pytest

from mmjax.evaluators import ranking


def _unit(rng, *shape):
  x = rng.normal(size=shape).astype(np.float32)
  return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_hit_probability_is_the_combinatorial_formula():
  for n, r, k in [(10, 1, 1), (10, 3, 4), (50, 7, 10), (5, 5, 1), (4, 2, 9)]:
    want = 1 - math.comb(n - r, k) / math.comb(n, min(k, n))
    got = ranking.hit_probability(np.array([n]), np.array([r]), np.array([k]))
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_hit_probability_is_accurate_for_huge_sets():
  # 1 - (1 - 1e-9)^10, where the naive difference would lose 9 digits.
  got = ranking.hit_probability(
    np.array([10**9]), np.array([1]), np.array([10])
  )
  np.testing.assert_allclose(got, 1e-8, rtol=1e-12)


def test_hit_probability_without_draws_is_zero():
  draws = np.array([0, -3])
  got = ranking.hit_probability(np.array([5, 5]), np.array([5, 1]), draws)
  np.testing.assert_array_equal(got, 0.0)


@pytest.mark.parametrize('chunk', [1, 7, 1000])
def test_recall_and_median_are_those_of_sorting_everything(rng, chunk):
  queries, keys = _unit(rng, 40, 16), _unit(rng, 60, 16)
  asked, there = rng.integers(0, 8, 40), rng.permutation(np.arange(60) % 8)
  ranks = ranking.rank(
    queries, keys, query_match=asked, candidate_match=there, chunk=chunk
  )
  first = []
  for q, match in zip(queries, asked, strict=True):
    order = sorted(range(60), key=lambda j: -float(q @ keys[j]))
    first.append(1 + [there[j] == match for j in order].index(True))
  for k in (1, 5, 10):
    assert ranks.recall(k) == pytest.approx(np.mean(np.array(first) <= k))
  assert ranks.median() == np.median(first)


def test_chance_is_what_shuffling_gives(rng):
  asked, there = rng.integers(0, 8, 30), np.arange(60) % 8
  x, y = np.ones((30, 1), np.float32), np.ones((60, 1), np.float32)
  ranks = ranking.rank(
    x, y, query_match=asked, candidate_match=there, chunk=1024
  )
  trials = 4000
  for k in (1, 5, 10):
    hits = 0.0
    for _ in range(trials):
      head = rng.permutation(there)[:k]
      hits += np.isin(asked, head).mean()
    assert ranks.chance(k) == pytest.approx(hits / trials, abs=0.015)


def test_ties_count_as_if_in_random_order():
  # One wrong one above, then two right and one wrong of the same score.
  keys = np.array([[0.9], [0.5], [0.5], [0.5], [0.1]], np.float32)
  ranks = ranking.rank(
    np.ones((1, 1), np.float32),
    keys,
    query_match=np.array([1]),
    candidate_match=np.array([0, 1, 1, 0, 1]),
    chunk=8,
  )
  assert ranks.recall(1) == 0.0
  assert ranks.recall(2) == pytest.approx(2 / 3)
  assert ranks.recall(3) == pytest.approx(1.0)
  # The first of 2 among 3 stands at (3 + 1) / (2 + 1) on average.
  assert ranks.median() == pytest.approx(1 + 4 / 3)


def test_what_is_not_finite_becomes_a_tie():
  x = np.array([[1.0, np.nan], [0.6, 0.8], [np.inf, 0.0]], np.float32)
  want = np.array([[0.0, 0.0], [0.6, 0.8], [0.0, 0.0]], np.float32)
  np.testing.assert_array_equal(ranking.clean(x), want)
