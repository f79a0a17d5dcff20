"""The promises of every fusion, and the formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.fusion.concat_dense import ConcatDense
from mmjax.layers.pooling import LastToken, MeanPool
from mmjax.types import Tokens

FUSION = ConcatDense(pools={'image': MeanPool(), 'text': LastToken()}, width=32)


def _tokens(poison=0.0):
  """Whole, without a text, without an image, and partly padded."""
  rng = np.random.default_rng(0)
  lengths = {'image': [4, 4, 0, 2], 'text': [5, 0, 3, 1]}
  tokens = {}
  for name, sizes in lengths.items():
    mask = np.arange(max(sizes))[None] < np.array(sizes)[:, None]
    x = rng.normal(size=(4, max(sizes), 6)).astype(np.float32)
    x = np.where(mask[..., None], x, np.float32(poison))
    tokens[name] = Tokens(jnp.asarray(x), jnp.asarray(mask))
  return tokens


@pytest.fixture
def params(random_params):
  return random_params(FUSION, _tokens())


def test_it_is_its_formula(params):
  tokens = _tokens()
  got = jax.jit(FUSION.apply)({'params': params}, tokens)
  image, text = (np.asarray(tokens[k].x) for k in ('image', 'text'))
  zero = np.zeros(6)
  vectors = [
    [image[0].mean(0), text[0, 4]],
    [image[1].mean(0), zero],
    [zero, text[2, 2]],
    [image[3, :2].mean(0), text[3, 0]],
  ]
  dense = jax.tree.map(np.asarray, params['dense'])
  want = np.concatenate(np.swapaxes(vectors, 0, 1), -1) @ dense['kernel']
  want = np.maximum(want + dense['bias'], 0)
  np.testing.assert_allclose(got.x[:, 0], want, rtol=1e-4, atol=1e-5)
  assert np.asarray(got.mask).all()


@pytest.mark.parametrize('poison', [1e4, np.nan])
def test_masked_values_change_neither_output_nor_gradient(params, poison):
  @jax.jit
  def run(params, x, mask):
    def loss(params, x):
      tokens = {k: Tokens(x[k], mask[k]) for k in reversed(x)}
      return (FUSION.apply({'params': params}, tokens).x ** 2).sum()

    return jax.value_and_grad(loss, (0, 1))(params, x)

  def call(value):
    tokens = _tokens(value)
    return run(
      params,
      {k: t.x for k, t in tokens.items()},
      {k: t.mask for k, t in tokens.items()},
    )

  jax.tree.map(np.testing.assert_array_equal, call(poison), call(0.0))
