import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from mmjax.models.heads import OrdinalHead
from mmjax.objectives.ordinal import Ordinal, log_probabilities
from mmjax.types import Tokens

RANKS = 4


def _batch(rank):
  return {
    'mask': {'audio': jnp.array([True, True, False, True])},
    'weight': jnp.array([1.0, 0.0, 2.0, 1.0]),
    'rank': jnp.asarray(rank, jnp.int32),
  }


def _logits(rng):
  score = rng.normal(size=(4, 1)) * 2
  return (score - np.array([[-1.0, 0.2, 3.0]])).astype(np.float32)


def test_cumulative_is_the_logistic_distribution_between_thresholds(rng):
  logits = _logits(rng)
  # A logistic variable around the score, cut at the thresholds.
  cuts = np.array([-np.inf, -1.0, 0.2, 3.0, np.inf])
  score = logits[:, :1] + cuts[1]
  cdf = scipy.stats.logistic.cdf(cuts[None] - score)
  probs = np.diff(cdf, axis=1)
  got = jax.jit(log_probabilities)(jnp.asarray(logits))
  np.testing.assert_allclose(np.exp(got), probs, rtol=1e-5)
  rank = np.array([0, 3, 1, -1])
  term = jax.jit(Ordinal())(
    {'logits': {'rank': jnp.asarray(logits)}}, _batch(rank)
  )
  np.testing.assert_allclose(
    term['rank'].loss[:3], -np.log(probs[np.arange(3), rank[:3]]), rtol=1e-5
  )
  np.testing.assert_array_equal(term['rank'].weight, [1, 0, 2, 0])


def test_coral_decides_at_each_threshold(rng):
  logits = _logits(rng)
  rank = np.array([0, 3, 1, 2])
  term = jax.jit(Ordinal(kind='coral', needs=('audio',)))(
    {'logits': {'rank': jnp.asarray(logits)}}, _batch(rank)
  )['rank']
  p = scipy.special.expit(logits.astype(np.float64))
  above = rank[:, None] > np.arange(RANKS - 1)[None]
  want = -np.where(above, np.log(p), np.log(1 - p)).sum(axis=1)
  np.testing.assert_allclose(term.loss, want, rtol=1e-5)
  np.testing.assert_array_equal(term.weight, [1, 0, 0, 1])


@pytest.mark.parametrize('kind', ['cumulative', 'coral'])
def test_far_off_and_with_equal_thresholds_the_slope_is_finite(kind):
  batch = _batch([0, 3, 1, 2])

  def loss(logits):
    outputs = {'logits': {'rank': logits}}
    return Ordinal(kind=kind)(outputs, batch)['rank'].loss.sum()

  far = jnp.array([[500.0] * 3, [-500.0] * 3, [9.0, 9.0, 9.0], [300, 0, -300]])
  value, slope = jax.jit(jax.value_and_grad(loss))(far)
  assert np.isfinite(value)
  assert np.isfinite(slope).all()
  # Downwards where the score is too high, upwards where it is too low.
  assert slope[0].sum() > 0 > slope[1].sum()


def test_the_heads_thresholds_rise_whatever_the_parameters(rng, random_params):
  head = OrdinalHead(ranks=RANKS)
  tokens = Tokens(
    jnp.asarray(rng.normal(size=(4, 2, 8)), jnp.float32), jnp.ones((4, 2), bool)
  )
  params = random_params(head, tokens, scale=2.0)
  logits = np.asarray(jax.jit(head.apply)({'params': params}, tokens))
  assert logits.shape == (4, RANKS - 1)
  assert (np.diff(logits, axis=1) < 0).all()
  # One score for all thresholds.
  np.testing.assert_allclose(
    np.diff(logits, axis=1), np.diff(logits[:1], axis=1).repeat(4, 0), atol=1e-5
  )
  # At first ranks are about one apart, around a score of zero.
  first = {**params, 'lowest': jnp.array([-1.0]), 'rise': jnp.full(2, 0.54)}
  score = jax.jit(head.apply)({'params': first}, tokens)
  gaps = -np.diff(score, axis=1)
  np.testing.assert_allclose(gaps, 1, atol=1e-2)
  with pytest.raises(ValueError, match='ranks 1 is below 2'):
    OrdinalHead(ranks=1)
