import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from mmjax.layers.feature_fusion import AttentionalFusion
from tests.encoders.cases import make_variables


def test_fusion_is_its_formula(rng):
  x, other = rng.normal(size=(2, 2, 3, 4, 6)).astype(np.float32)
  fusion = AttentionalFusion(reduction=3)
  args = (jnp.asarray(x), jnp.asarray(other), jnp.ones((2,), bool))
  variables = make_variables(fusion, *args)
  got = jax.jit(fusion.apply)(variables, *args)
  params, stats = (
    jax.tree.map(np.asarray, variables[name])
    for name in ('params', 'batch_stats')
  )

  def branch(name, y):
    for i in (0, 1):
      dense, norm = params[f'{name}_{i}'], f'{name}_norm_{i}'
      y = np.maximum(y, 0) if i else y
      y = y @ dense['kernel'] + dense['bias']
      y = (y - stats[norm]['mean']) / np.sqrt(stats[norm]['var'] + 1e-5)
      y = y * params[norm]['scale'] + params[norm]['bias']
    return y

  both = x + other
  mean = both.mean(axis=(1, 2), keepdims=True)
  a = expit(branch('local', both) + branch('global', mean))
  assert params['local_0']['kernel'].shape == (6, 2)
  np.testing.assert_allclose(got, 2 * (x * a + other * (1 - a)), atol=1e-5)


@pytest.mark.slow
def test_only_the_examples_that_count_are_in_the_averages(rng):
  fusion = AttentionalFusion(reduction=2)
  x, other = jnp.asarray(rng.normal(size=(2, 3, 2, 2, 4)), jnp.float32)
  mask = jnp.array([True, False, True])
  variables = make_variables(fusion, x, other, mask)

  @jax.jit
  def train(x, other, mask):
    return fusion.apply(
      variables, x, other, mask, train=True, mutable=['batch_stats']
    )

  want, want_stats = train(x[::2], other[::2], mask[::2])
  got, got_stats = train(x.at[1].set(1e4), other, mask)
  np.testing.assert_allclose(got[::2], want, atol=1e-5)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
    got_stats,
    want_stats,
  )
