import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.objectives.regularizers import L1, L2
from mmjax.types import InputError


@pytest.fixture
def params(rng):
  def draw(*shape):
    return jnp.asarray(rng.normal(size=shape), jnp.float32)

  return {
    'text': {'embed': {'table': draw(5, 3)}},
    'head': {'kernel': draw(3, 2), 'bias': draw(2), 'scale': draw(3)},
  }


def test_penalties_and_gradients_are_those_of_the_formulas(params):
  table, kernel = params['text']['embed']['table'], params['head']['kernel']
  weights = np.concatenate([np.ravel(table), np.ravel(kernel)])
  np.testing.assert_allclose(
    L1(rate=0.3)(params), 0.3 * np.abs(weights).sum(), rtol=1e-6
  )
  np.testing.assert_allclose(
    L2(rate=0.3)(params), 0.3 * (weights**2).sum(), rtol=1e-6
  )
  for penalty, slope in ((L1, jnp.sign), (L2, lambda x: 2 * x)):
    gradient = jax.grad(penalty(rate=0.3))(params)
    np.testing.assert_allclose(
      gradient['head']['kernel'], 0.3 * slope(kernel), rtol=1e-6
    )
    # Neither biases nor norms are penalised unless named.
    assert not gradient['head']['bias'].any()
    assert not gradient['head']['scale'].any()


def test_a_pattern_chooses(params):
  bias = np.asarray(params['head']['bias'])
  np.testing.assert_allclose(
    L2(rate=2.0, pattern='^head/.*bias$')(params),
    2 * (bias**2).sum(),
    rtol=1e-6,
  )
  match = r"pattern 'haed/kernel' matches no parameter; near are head/kernel"
  with pytest.raises(InputError, match=match):
    L1(rate=1.0, pattern='haed/kernel')(params)


def test_half_precision_parameters_are_summed_in_float32():
  ones = {'kernel': jnp.ones((1000, 3), jnp.bfloat16)}
  penalty = L1(rate=1.0)(ones)
  assert penalty.dtype == jnp.float32
  assert penalty == 3000


def test_rate_and_pattern_are_checked_at_once():
  with pytest.raises(ValueError, match=r'rate -1.0 is negative'):
    L1(rate=-1.0)
  with pytest.raises(ValueError, match=r"pattern '\[' is not a regular"):
    L2(rate=1.0, pattern='[')
