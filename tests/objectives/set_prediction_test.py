"""Which token answers for which thing, against SciPy; and what is unknown."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from mmjax.objectives.set_prediction import (
  SetPrediction,
  generalised_iou,
  match,
)

OBJECTIVE = jax.jit(SetPrediction())


def _boxes(rng, *shape):
  corner, size = (
    rng.uniform(0, 0.6, (*shape, 2)),
    rng.uniform(0.1, 0.4, (*shape, 2)),
  )
  return np.concatenate([corner, corner + size], -1).astype(np.float32)


@pytest.fixture
def batch(rng):
  """Two things, three, and none; what is no thing is NaN."""
  things = np.array([[1, 0, -1], [2, 2, 0], [-1, -1, -1]])
  boxes = np.where((things >= 0)[..., None], _boxes(rng, 3, 3), np.nan)
  return {
    'things': jnp.asarray(things),
    'boxes': jnp.asarray(boxes, jnp.float32),
    'weight': jnp.array([1.0, 2.0, 1.0]),
    'mask': {'image': jnp.ones(3, bool)},
  }


@pytest.fixture
def outputs(rng):
  return {
    'logits': {
      'things': jnp.asarray(rng.normal(size=(3, 9, 3)), jnp.float32),
      'boxes': jnp.asarray(_boxes(rng, 3, 9)),
    }
  }


def test_the_match_is_that_of_scipy(rng):
  compiled = jax.jit(match)
  for _ in range(20):
    cost = rng.normal(size=(9, 4)).astype(np.float32)
    rows, columns = optimize.linear_sum_assignment(cost)
    want = np.zeros(4, int)
    want[columns] = rows
    np.testing.assert_array_equal(compiled(jnp.asarray(cost)), want)


def test_generalised_iou_by_hand():
  square = jnp.array([0.0, 0.0, 2.0, 2.0])
  others = jnp.array(
    [
      [0.0, 0.0, 2.0, 2.0],  # the same
      [1.0, 1.0, 3.0, 3.0],  # both 1 of 7; 9 around, of which 2 are empty
      [4.0, 0.0, 6.0, 2.0],  # apart: 12 around, of which 4 are empty
      [0.0, 0.0, 1.0, 1.0],  # a quarter, inside
    ]
  )
  want = [1.0, 1 / 7 - 2 / 9, -4 / 12, 1 / 4]
  found = generalised_iou(square[None], others)
  np.testing.assert_allclose(found, want, rtol=1e-6)


def test_tokens_that_are_right_cost_next_to_nothing(batch):
  # Token 8 - i says thing i, and the others nothing.
  logits = np.full((3, 9, 3), -20.0, np.float32)
  boxes = np.full((3, 9, 4), [0.0, 0.0, 0.01, 0.01], np.float32)
  for b, things in enumerate(np.asarray(batch['things'])):
    for i in np.flatnonzero(things >= 0):
      logits[b, 8 - i, things[i]] = 20.0
      boxes[b, 8 - i] = batch['boxes'][b, i]
  given = {
    'logits': {'things': jnp.asarray(logits), 'boxes': jnp.asarray(boxes)}
  }
  terms = OBJECTIVE(given, batch)
  for term in terms.values():
    np.testing.assert_allclose(term.loss, 0, atol=1e-5)
  # One thing that is said to be another is seen.
  worse = jnp.asarray(logits).at[0, 8].set(jnp.array([20.0, -20.0, -20.0]))
  given['logits']['things'] = worse
  assert OBJECTIVE(given, batch)['things'].loss[0] > 5


def test_terms_count_things(batch, outputs):
  terms = OBJECTIVE(outputs, batch)
  np.testing.assert_array_equal(terms['things'].weight, [2, 6, 1])
  np.testing.assert_array_equal(terms['place'].weight, [2, 6, 0])
  np.testing.assert_array_equal(terms['overlap'].weight, [2, 6, 0])


def test_the_order_of_things_and_tokens_does_not_matter(batch, outputs, rng):
  want = OBJECTIVE(outputs, batch)
  tokens, things = rng.permutation(9), rng.permutation(3)
  turned = {'logits': {k: x[:, tokens] for k, x in outputs['logits'].items()}}
  found = OBJECTIVE(
    turned, {**batch, **{k: batch[k][:, things] for k in ('things', 'boxes')}}
  )
  for name in want:
    np.testing.assert_allclose(found[name].loss, want[name].loss, rtol=1e-5)


@pytest.mark.slow
def test_what_is_no_thing_moves_nothing(batch, outputs):
  def total(outputs, batch):
    terms = OBJECTIVE(outputs, batch).values()
    return sum((term.loss * term.weight).sum() for term in terms)

  compute = jax.jit(jax.value_and_grad(total))
  want = compute(outputs, batch)
  real = (batch['things'] >= 0)[..., None]
  for other in (0.0, 1e4):
    changed = {**batch, 'boxes': jnp.where(real, batch['boxes'], other)}
    found = compute(outputs, changed)
    jax.tree.map(np.testing.assert_array_equal, found, want)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(want))
  # Nor do more places for things that are not there.
  more = {
    **batch,
    'things': jnp.pad(batch['things'], ((0, 0), (0, 2)), constant_values=-1),
    'boxes': jnp.pad(batch['boxes'], ((0, 0), (0, 2), (0, 0))),
  }
  loss, slope = compute(outputs, more)
  assert float(loss) == pytest.approx(float(want[0]), rel=1e-5)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), slope, want[1]
  )


def test_fewer_tokens_than_things(batch, outputs):
  few = {'logits': {k: x[:, :2] for k, x in outputs['logits'].items()}}
  with pytest.raises(ValueError, match='2 tokens .* for up to 3 things'):
    OBJECTIVE(few, batch)
