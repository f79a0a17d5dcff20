"""A number of each of the last tokens, and of no other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.models.heads import LastTokens
from mmjax.types import Tokens


def tokens(rng, count):
  x = jnp.asarray(rng.normal(size=(2, count, 8)), jnp.float32)
  return Tokens(x, jnp.ones((2, count), bool))


@pytest.mark.parametrize('hidden', [0, 16])
def test_each_number_is_of_its_own_token(rng, hidden):
  head, given = LastTokens(count=3, hidden=hidden), tokens(rng, 5)
  variables = head.init(jax.random.key(0), given)
  y = head.apply(variables, given)
  assert y.shape == (2, 3)
  other = given._replace(x=given.x.at[:, [0, 1, 3]].multiply(-2.0))
  changed = np.abs(head.apply(variables, other) - y).max(axis=0)
  np.testing.assert_array_equal(changed > 1e-6, [False, True, False])


def test_fewer_tokens_are_refused(rng):
  with pytest.raises(ValueError, match='2 tokens are fewer than 3'):
    LastTokens(count=3).init(jax.random.key(0), tokens(rng, 2))
