import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.layers.norms import BatchNorm, GroupNorm

SCALE, BIAS = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 0.0, -0.5, 1.0])
PARAMS = {'scale': jnp.asarray(SCALE), 'bias': jnp.asarray(BIAS)}


def _data(rng, b=8, n=5):
  x = rng.normal(size=(b, n, 3, 4)).astype(np.float32) * 3 + 1
  lengths = np.array([5, 0, 2, 1, 5, 4, 0, 0])[:b]
  return jnp.asarray(x), jnp.asarray(np.arange(n)[None] < lengths[:, None])


def test_group_norm_is_its_formula_over_the_real_places(rng):
  x, mask = _data(rng)
  norm = GroupNorm(groups=2)
  got = jax.jit(norm.apply)({'params': PARAMS}, x, mask)
  for row, length in enumerate([5, 0, 2, 1]):
    real = np.asarray(x[row, :length], np.float64).reshape(length, 3, 2, 2)
    if not length:
      continue
    mean = real.mean(axis=(0, 1, 3), keepdims=True)
    std = np.sqrt(real.var(axis=(0, 1, 3), keepdims=True) + norm.epsilon)
    want = ((real - mean) / std).reshape(length, 3, 4) * SCALE + BIAS
    np.testing.assert_allclose(got[row, :length], want, atol=1e-4)
  assert np.isfinite(got).all()
  with pytest.raises(ValueError, match='width 4 is not divisible by groups 3'):
    GroupNorm(groups=3).init(jax.random.key(0), x, mask)


def _variables(mean=0.0, var=1.0):
  stats = {'mean': jnp.full((4,), mean), 'var': jnp.full((4,), var)}
  return {'params': PARAMS, 'batch_stats': stats}


def _train(norm, variables, x, mask):
  def run(variables, x, mask):
    return norm.apply(variables, x, mask, train=True, mutable=['batch_stats'])

  return jax.jit(run)(variables, x, mask)


def test_batch_norm_knows_only_what_is_real(rng):
  x, mask = _data(rng)
  norm = BatchNorm(momentum=0.75)
  got, changed = _train(norm, _variables(2.0, 3.0), x, mask)
  real = np.asarray(x, np.float64)[np.asarray(mask)].reshape(-1, 4)
  mean, var = real.mean(axis=0), real.var(axis=0)
  want = (np.asarray(x) - mean) / np.sqrt(var + norm.epsilon) * SCALE + BIAS
  np.testing.assert_allclose(got, want, atol=1e-4)
  stats = changed['batch_stats']
  np.testing.assert_allclose(stats['mean'], 0.75 * 2 + 0.25 * mean, rtol=1e-5)
  np.testing.assert_allclose(stats['var'], 0.75 * 3 + 0.25 * var, rtol=1e-5)


def test_batch_norm_evaluates_with_its_averages(rng):
  x, mask = _data(rng)
  norm = BatchNorm()
  got = jax.jit(norm.apply)(_variables(2.0, 4.0), x, mask)
  want = (np.asarray(x) - 2) / np.sqrt(4 + norm.epsilon) * SCALE + BIAS
  np.testing.assert_allclose(got, want, atol=1e-5)


def test_a_batch_with_nothing_real_changes_no_average(rng):
  x, mask = _data(rng)
  nothing = jnp.zeros_like(mask)
  got, changed = _train(BatchNorm(), _variables(2.0, 3.0), x, nothing)
  assert np.isfinite(got).all()
  want = _variables(2.0, 3.0)['batch_stats']
  jax.tree.map(np.testing.assert_array_equal, changed['batch_stats'], want)


def test_batch_norm_over_devices_is_that_of_the_whole_batch(rng):
  # Devices hold unequal numbers of real places, and some none at all.
  x, mask = _data(rng)
  goal = jnp.asarray(rng.normal(size=x.shape), jnp.float32)

  def loss(params, x, mask, goal, norm):
    variables = {**_variables(), 'params': params}
    y, changed = norm.apply(
      variables, x, mask, train=True, mutable=['batch_stats']
    )
    return (y * goal * mask[:, :, None, None]).sum(), changed

  def run(norm, params, x, mask, goal):
    def f(params, x):
      return loss(params, x, mask, goal, norm)

    return jax.value_and_grad(f, (0, 1), has_aux=True)(params, x)

  whole = jax.jit(lambda *args: run(BatchNorm(), PARAMS, *args))
  (want, want_stats), (want_params, want_x) = whole(x, mask, goal)
  one_each = [a.reshape(8, 1, *a.shape[1:]) for a in (x, mask, goal)]
  (got, stats), (params, at_x) = jax.pmap(
    lambda *a: run(BatchNorm(), PARAMS, *a), axis_name='data'
  )(*one_each)
  np.testing.assert_allclose(got.sum(), want, rtol=1e-5)
  np.testing.assert_allclose(at_x.reshape(x.shape), want_x, atol=1e-5)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a.sum(axis=0), b, atol=1e-4),
    params,
    want_params,
  )
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a[3], b, atol=1e-5),
    stats,
    want_stats,
  )
