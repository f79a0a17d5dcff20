import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.layers.recurrence import GRU, LSTM

HIDDEN = 4


def _sigmoid(x):
  return 1 / (1 + np.exp(-x))


def _lstm(x, state, params):
  h, c = state
  z = x @ params['input']['kernel'] + params['input']['bias']
  i, f, g, o = np.split(z + h @ params['kernel'], 4)
  c = _sigmoid(f + 1) * c + _sigmoid(i) * np.tanh(g)
  return _sigmoid(o) * np.tanh(c), c


def _gru(x, state, params):
  h = state[0]
  r, z, n = np.split(x @ params['input']['kernel'] + params['input']['bias'], 3)
  u, v, w = np.split(params['kernel'], 3, axis=1)
  r, z = _sigmoid(r + h @ u), _sigmoid(z + h @ v)
  n = np.tanh(n + r * (h @ w + params['bias']))
  return z * h + (1 - z) * n, state[1]


@pytest.mark.parametrize('reverse', [False, True])
@pytest.mark.parametrize(('layer', 'step'), [(LSTM, _lstm), (GRU, _gru)])
def test_a_layer_is_its_formula_over_the_real_steps(
  rng, random_params, layer, step, reverse
):
  x = rng.normal(size=(3, 6, 5)).astype(np.float32)
  # Padding at the end, padding and a gap, nothing at all.
  mask = np.array([[1, 1, 1, 1, 0, 0], [0, 1, 0, 1, 1, 0], [0] * 6]) > 0
  module = layer(HIDDEN, reverse=reverse)
  inputs = jnp.asarray(x), jnp.asarray(mask)
  params = random_params(module, *inputs)
  got = np.asarray(jax.jit(module.apply)({'params': params}, *inputs))
  params = jax.tree.map(np.asarray, params)
  for row in range(3):
    state = (np.zeros(HIDDEN),) * 2
    steps = np.flatnonzero(mask[row])
    for at in steps[::-1] if reverse else steps:
      state = step(x[row, at], state, params)
      np.testing.assert_allclose(got[row, at], state[0], atol=1e-5)
    # Behind the last real step the state stays.
    end = 0 if reverse else -1
    np.testing.assert_allclose(got[row, end], state[0], atol=1e-5)
