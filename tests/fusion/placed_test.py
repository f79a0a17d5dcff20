"""A picture in the world: the pose turns it, and nothing masked is heard."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.fusion.placed import Placed
from mmjax.layers.pooling import MeanPool
from mmjax.types import Tokens

FUSION = Placed(given={'audio': MeanPool()}, width=8, depth=1)


@pytest.fixture
def tokens(rng):
  """The second lacks its pose, the third its question, the fourth a picture."""
  pose = np.array([[4.0, -2.0, 0.6, 0.8]] * 4)[:, None]
  given = {
    'image': (rng.normal(size=(4, 9, 6)), np.ones((4, 9), bool)),
    'position': (pose, np.ones((4, 1), bool)),
    'audio': (rng.normal(size=(4, 3, 5)), np.ones((4, 3), bool)),
  }
  for row, name in enumerate(('position', 'audio', 'image'), 1):
    given[name][1][row] = False
  return {
    name: Tokens(jnp.asarray(x, jnp.float32), jnp.asarray(mask))
    for name, (x, mask) in given.items()
  }


@pytest.fixture
def run(tokens, random_params):
  params = random_params(FUSION, tokens)

  def loss(params, tokens):
    x, mask = FUSION.apply({'params': params}, tokens)
    real = jnp.where(mask[..., None], x, 0.0)
    return (real**2).sum(), real

  compiled = jax.jit(jax.value_and_grad(loss, has_aux=True))
  return lambda tokens: compiled(params, tokens)


def test_the_pose_turns_and_moves_what_is_seen(tokens, run):
  places = {}
  for name, (x, y, heading) in {
    'here': (0.0, 0.0, 0.0), 'there': (4.0, -2.0, 0.7),
  }.items():  # fmt: skip
    pose = jnp.asarray([x, y, np.sin(heading), np.cos(heading)], jnp.float32)
    # The mean of several headings is too short: 0.9 of it is the same.
    pose = pose.at[2:].multiply(0.9)
    x = jnp.broadcast_to(pose, (4, 1, 4))
    given = {**tokens, 'position': Tokens(x, jnp.ones((4, 1), bool))}
    places[name] = np.asarray(run(given)[0][1][:3, :, :2]) * FUSION.scale
  c, s = np.cos(0.7), np.sin(0.7)
  turned = places['here'] @ np.array([[c, s], [-s, c]])
  np.testing.assert_allclose(
    places['there'], turned + np.array([4.0, -2.0]), rtol=1e-4, atol=1e-4
  )
  assert np.ptp(places['here']) > 0.1


def test_what_is_masked_changes_nothing(tokens, run):
  want = run(tokens)
  for poison in (1e4, np.nan):
    given = {
      name: Tokens(jnp.where(mask[..., None], x, poison), mask)
      for name, (x, mask) in tokens.items()
    }
    jax.tree.map(np.testing.assert_array_equal, run(given), want)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(want))
  # Without a pose all is in the middle of the world.
  np.testing.assert_array_equal(want[0][1][1, :, :2], 0)


def test_what_is_asked_changes_all_but_the_places(tokens, run):
  x, mask = tokens['audio']
  (_, want), _ = run(tokens)
  (_, got), _ = run({**tokens, 'audio': Tokens(x[..., ::-1] + 1, mask)})
  np.testing.assert_array_equal(got[..., :2], want[..., :2])
  moved = np.abs(got - want).max(axis=(1, 2))
  np.testing.assert_array_equal(moved > 1e-4, [True, True, False, False])


def test_tokens_that_fill_no_square(tokens):
  x, mask = tokens['image']
  given = {**tokens, 'image': Tokens(x[:, :8], mask[:, :8])}
  with pytest.raises(ValueError, match='8 tokens are no grid of a square'):
    FUSION.init(jax.random.key(0), given)
