import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from mmjax.objectives.regression import Regression

NAN = np.nan


def _batch(target):
  return {
    'mask': {'audio': jnp.array([True, True, False, True])},
    'weight': jnp.array([1.0, 0.0, 2.0, 1.0]),
    'value': jnp.asarray(target, jnp.float32),
  }


@pytest.mark.parametrize(
  ('kind', 'formula'),
  [
    ('l1', np.abs),
    ('l2', np.square),
    ('huber', lambda e: scipy.special.huber(0.7, e)),
  ],
)
def test_each_kind_is_its_formula(rng, kind, formula):
  predicted = rng.normal(size=(4, 2)).astype(np.float32)
  target = rng.normal(size=(4, 2)) * 3 + 10
  target[1, 0] = NAN
  objective = Regression(kind=kind, delta=0.7, mean=10.0, std=2.0)
  outputs = {'logits': {'value': jnp.asarray(predicted)}}
  term = jax.jit(objective)(outputs, _batch(target))['value']
  each = formula(predicted - (target - 10) / 2)
  want = np.where(np.isnan(target), 0, each).sum(axis=1)
  np.testing.assert_allclose(term.loss, want, rtol=1e-5)
  np.testing.assert_array_equal(term.weight, [1, 0, 2, 1])


def test_one_output_needs_no_axis_of_its_own(rng):
  predicted = jnp.asarray(rng.normal(size=(4, 1)), jnp.float32)
  term = Regression(kind='l1')(
    {'logits': {'value': predicted}}, _batch([0.0, 1.0, 2.0, 3.0])
  )['value']
  want = np.abs(np.asarray(predicted)[:, 0] - np.arange(4))
  np.testing.assert_allclose(term.loss, want, rtol=1e-6)


@pytest.mark.parametrize('kind', ['l1', 'l2', 'huber'])
def test_what_is_unknown_has_neither_weight_nor_gradient(kind):
  batch = _batch([1.0, NAN, np.inf, 2.0])

  def loss(predicted):
    outputs = {'logits': {'value': predicted}}
    term = Regression(kind=kind, needs=('audio',))(outputs, batch)['value']
    return term.loss.sum(), term.weight

  slope, weight = jax.jit(jax.grad(loss, has_aux=True))(jnp.zeros((4, 1)))
  np.testing.assert_array_equal(weight, [1, 0, 0, 1])
  np.testing.assert_array_equal(slope[:, 0] != 0, [True, False, False, True])
  assert np.isfinite(slope).all()


def test_bad_fields_are_named():
  with pytest.raises(ValueError, match=r'std 0\.0 is not positive'):
    Regression(std=0.0)
  with pytest.raises(ValueError, match="no head 'value', the model has"):
    Regression()({'logits': {'label': jnp.zeros((4, 1))}}, _batch([0.0] * 4))
