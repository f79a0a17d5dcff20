"""Which token answers for which thing; and what is unknown."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from mmjax.objectives.pointing import Pointing, cell

OBJECTIVE = Pointing(of_class=2.0, of_box=5.0, of_overlap=1.0, of_place=0.5)
LOSS = jax.jit(OBJECTIVE)
TOKENS = ((8, 3), (0,), (4, 4))  # of the things of each example, 3 x 3 tokens


@pytest.fixture
def batch():
  """Two things, one, and two in the same cell; the second means nothing."""
  middles = {0: (0.1, 0.2), 3: (0.3, 0.4), 4: (0.5, 0.5), 8: (0.9, 0.7)}
  boxes, things = np.full((3, 3, 4), np.nan), np.full((3, 3), -1)
  for b, tokens in enumerate(TOKENS):
    for i, token in enumerate(tokens):
      x, y = middles[token]
      boxes[b, i] = x - 0.05, y - 0.1, x + 0.05, y + 0.1
      things[b, i] = (b + i) % 2
  places = np.where((things >= 0)[..., None], [3.0, -4.0], np.nan)
  return {
    'things': jnp.asarray(things),
    'boxes': jnp.asarray(boxes, jnp.float32),
    'places': jnp.asarray(places, jnp.float32),
    'answer': jnp.array([1, -1, 0]),
    'weight': jnp.array([1.0, 2.0, 1.0]),
    'mask': {
      'image': jnp.ones(3, bool),
      'position': jnp.array([[True], [True], [False]]),
    },
  }


@pytest.fixture
def outputs(rng):
  corner = rng.uniform(0, 0.6, (3, 9, 2))
  boxes = np.concatenate([corner, corner + 0.3], axis=-1)
  logits = {
    'which': rng.normal(size=(3, 10)),
    'things': rng.normal(size=(3, 9, 2)),
    'boxes': boxes,
    'places': rng.normal(size=(3, 9, 2)),
  }
  return {'logits': {k: jnp.asarray(x, jnp.float32) for k, x in logits.items()}}


def test_the_cell_is_that_of_the_middle(batch):
  boxes = jnp.nan_to_num(batch['boxes'])
  found = cell(boxes, count=9)
  for b, tokens in enumerate(TOKENS):
    assert found[b, : len(tokens)].tolist() == [*tokens]
  # A middle on the last edge is still of the picture.
  assert cell(jnp.ones((1, 1, 4)), count=9).tolist() == [[8]]
  with pytest.raises(ValueError, match='8 tokens are no grid of a square'):
    cell(boxes, count=8)


def test_terms_by_hand(batch, outputs):
  terms = LOSS(outputs, batch)
  heads = jax.tree.map(np.asarray, outputs['logits'])
  which = -special.log_softmax(heads['which'], axis=-1)
  np.testing.assert_allclose(
    terms['which'].loss, which[[0, 1, 2], [3, 9, 4]], rtol=1e-5
  )
  np.testing.assert_array_equal(terms['which'].weight, [1, 2, 1])
  things = -special.log_softmax(heads['things'], axis=-1)
  for b, tokens in enumerate(TOKENS):
    rows = list(tokens)
    kinds = np.asarray(batch['things'])[b, : len(rows)]
    want = 2.0 * things[b, rows, kinds].mean()
    assert float(terms['things'].loss[b]) == pytest.approx(want, rel=1e-5)
    truth = np.asarray(batch['boxes'])[b, : len(rows)]
    want = 5.0 * np.abs(heads['boxes'][b, rows] - truth).sum(-1).mean()
    assert float(terms['boxes'].loss[b]) == pytest.approx(want, rel=1e-5)
    # Far away: Huber's loss is the distance less a half.
    away = np.abs(heads['places'][b, rows] - [3.0, -4.0]) - 0.5
    want = 0.5 * away.sum(-1).mean()
    assert float(terms['places'].loss[b]) == pytest.approx(want, rel=1e-4)
  np.testing.assert_array_equal(terms['things'].weight, [2, 2, 2])
  # The third has no position.
  np.testing.assert_array_equal(terms['places'].weight, [2, 2, 0])


def test_what_is_right_costs_next_to_nothing(batch):
  which = np.full((3, 10), -30.0)
  things, boxes = np.full((3, 9, 2), -30.0), np.zeros((3, 9, 4))
  for b, tokens in enumerate(TOKENS[:2]):
    for i, token in enumerate(tokens):
      things[b, token, batch['things'][b, i]] = 30
      boxes[b, token] = batch['boxes'][b, i]
  which[0, 3] = which[1, 9] = 30
  logits = {
    'which': which, 'things': things, 'boxes': boxes,
    'places': np.broadcast_to([3.0, -4.0], (3, 9, 2)),
  }  # fmt: skip
  logits = {k: jnp.asarray(x, jnp.float32) for k, x in logits.items()}
  for term in LOSS({'logits': logits}, batch).values():
    np.testing.assert_allclose(term.loss[:2], 0, atol=1e-5)


@pytest.mark.slow
def test_what_is_no_thing_moves_nothing(batch, outputs):
  def total(outputs, batch):
    terms = OBJECTIVE(outputs, batch).values()
    return sum((term.loss * term.weight).sum() for term in terms)

  compute = jax.jit(jax.value_and_grad(total))
  want = compute(outputs, batch)
  real = (batch['things'] >= 0)[..., None]
  for other in (0.0, 1e4):
    changed = {
      **batch,
      **{k: jnp.where(real, batch[k], other) for k in ('boxes', 'places')},
    }
    jax.tree.map(np.testing.assert_array_equal, compute(outputs, changed), want)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(want))
  gone = {**batch, 'mask': {**batch['mask'], 'image': jnp.zeros(3, bool)}}
  loss, slope = compute(outputs, gone)
  assert loss == 0
  assert not any(x.any() for x in jax.tree.leaves(slope))
