import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.tabular import TabularEncoder

COLUMNS = {
  'numeric': jnp.array([[1.0, -2.0], [3.0, 4.0]]),
  'categorical': jnp.array([[2, 0], [1, 3]]),
}
HERE = jax.tree.map(lambda x: jnp.ones(x.shape, bool), COLUMNS)


def _norm(x, params):
  x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
  return x * params['scale'] + params['bias']


def test_a_cell_is_its_number_times_a_vector_or_a_row_of_the_table(
  random_params,
):
  encoder = TabularEncoder(
    categories=(3, 4), mean=(1.0, 2.0), std=(2.0, 4.0), width=6, depth=0,
    heads=2, class_token=True,
  )  # fmt: skip
  params = random_params(encoder, COLUMNS, HERE)
  tokens = jax.jit(encoder.apply)({'params': params}, COLUMNS, HERE)
  p = jax.tree.map(np.asarray, params)
  numbers = (np.asarray(COLUMNS['numeric']) - [1, 2]) / [2, 4]
  x = np.concatenate(
    [
      numbers[:, :, None] * p['kernel'],
      p['table'][np.array([[2, 3 + 0], [1, 3 + 3]])],
    ],
    axis=1,
  )
  x = np.concatenate(
    [np.repeat(p['class_token'], 2, axis=0), x + p['bias']], axis=1
  )
  want = _norm(x, p['transformer']['norm'])
  np.testing.assert_allclose(tokens.x, want, atol=1e-5)
  assert tokens.mask.all()


def test_columns_that_do_not_fit_are_named():
  def start(columns=COLUMNS, **fields):
    mask = {name: HERE[name] for name in columns if name in HERE}
    encoder = TabularEncoder(width=8, depth=0, heads=2, **fields)
    jax.eval_shape(encoder.init, jax.random.key(0), columns, mask)

  with pytest.raises(ValueError, match='2 categorical columns, categories has'):
    start(categories=(3,))
  with pytest.raises(ValueError, match='input has 2 channels, mean has 1'):
    start(categories=(3, 4), mean=(0.0,))
  with pytest.raises(ValueError, match='expected numeric, categorical or both'):
    start({})


def test_one_kind_of_columns_is_enough(random_params):
  columns = {'numeric': COLUMNS['numeric']}
  mask = {'numeric': jnp.array([[True, False], [False, False]])}
  encoder = TabularEncoder(width=8, depth=0, heads=2, class_token=True)
  params = random_params(encoder, columns, mask)
  tokens = jax.jit(encoder.apply)({'params': params}, columns, mask)
  # The class token stands for the row, and only where there is one.
  np.testing.assert_array_equal(
    tokens.mask, [[True, True, False], [False, False, False]]
  )
