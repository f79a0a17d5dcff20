import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.models.task_weights import TaskWeights
from mmjax.objectives.regression import Regression
from mmjax.objectives.supervised import Classification
from mmjax.objectives.uncertainty import Uncertainty
from mmjax.types import Term

OBJECTIVES = {
  'class': Uncertainty(objective=Classification(), task='class'),
  'value': Uncertainty(
    objective=Regression(weight=0.5), task='value', weight=2.0
  ),
}


class Linear(nn.Module):
  """Two heads on the same features."""

  @nn.compact
  def __call__(self, batch, *, train=False):
    dense = {'label': nn.Dense(3, name='label'), 'value': nn.Dense(1)}
    return {
      'logits': {name: head(batch['x']) for name, head in dense.items()},
      'shared': {'logit_scale': jnp.ones(())},
    }


def _batch(rng, b=6):
  return {
    'x': jnp.asarray(rng.normal(size=(b, 4)), jnp.float32),
    'label': jnp.asarray(rng.integers(-1, 3, b), jnp.int32),
    'value': jnp.asarray(rng.normal(size=b) * 10, jnp.float32)
    .at[1]
    .set(np.nan),
    'weight': jnp.asarray(rng.random(b), jnp.float32),
    'mask': {},
  }


def _mean(terms):
  (term,) = terms.values()
  return (term.loss * term.weight).sum() / term.weight.sum()


def test_total_is_that_of_the_paper(rng, random_params):
  batch = _batch(rng)
  model = TaskWeights(model=Linear(), tasks=('class', 'value'))
  params = random_params(model, batch)
  # The inner model's parameters are where they always were.
  inner = random_params(Linear(), batch)
  assert set(params) == {*inner, 'class_log_variance', 'value_log_variance'}

  @jax.jit
  def run(params):
    outputs = model.apply({'params': params}, batch)
    plain = {'class': Classification(), 'value': Regression()}
    return outputs['shared'], {
      task: (_mean(OBJECTIVES[task](outputs, batch)), _mean(o(outputs, batch)))
      for task, o in plain.items()
    }

  shared, found = run(params)
  assert shared['logit_scale'] == 1
  for task, weight in (('class', 1.0), ('value', 0.5)):
    got, plain = found[task]
    s = float(params[f'{task}_log_variance'])
    np.testing.assert_allclose(
      got, np.exp(-s) * weight * plain + s / 2, rtol=1e-5
    )


def test_the_optimum_is_the_variance_of_the_errors(rng):
  batch = _batch(rng, b=64)
  objective = Uncertainty(objective=Regression(weight=0.5), task='value')

  @jax.jit
  @jax.grad
  def slope(s):
    outputs = {'logits': {'value': jnp.zeros((64, 1))}}
    shared = {'log_variances': {'value': s}}
    return _mean(objective(outputs | {'shared': shared}, batch))

  # The maximum-likelihood variance of a Gaussian around the prediction.
  known = np.isfinite(batch['value'])
  variance = np.average(
    np.asarray(batch['value'])[known] ** 2,
    weights=np.asarray(batch['weight'])[known],
  )
  best = np.log(variance)
  np.testing.assert_allclose(slope(best), 0, atol=1e-5)
  assert slope(best - 0.1) < -0.01 < 0.01 < slope(best + 0.1)


def test_a_loss_that_does_not_count_may_be_nan():
  class Broken:
    weight = 1.0

    def __call__(self, outputs, batch, *, axis_name=None):
      return {'x': Term(jnp.array([jnp.nan, 2.0]), jnp.array([0.0, 1.0]))}

  objective = Uncertainty(objective=Broken(), task='x')

  def loss(s):
    outputs = {'shared': {'log_variances': {'x': s}}}
    return _mean(objective(outputs, {}))

  value, slope = jax.jit(jax.value_and_grad(loss))(jnp.zeros(()))
  np.testing.assert_allclose((value, slope), (2.0, -1.5))


def test_unknown_tasks_are_named():
  with pytest.raises(ValueError, match=r"no task 'value'.* weights of \['x'\]"):
    OBJECTIVES['value']({'shared': {'log_variances': {'x': 0.0}}}, {})
  with pytest.raises(ValueError, match='names one twice'):
    TaskWeights(model=Linear(), tasks=('class', 'class'))
