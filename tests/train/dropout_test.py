"""Dropout follows the example, whatever surrounds it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from mmjax.train import dropout


class Twice(nn.Module):
  @nn.compact
  def __call__(self, x, *, train):
    first = nn.Dropout(0.5, deterministic=not train)(x)
    other = nn.Dropout(0.5, broadcast_dims=(1,), deterministic=not train)(x)
    return first, other


def _run(index, *, train=True, key=0):
  x = jnp.ones((len(index), 6, 5))
  with dropout.by_example(jnp.asarray(index)):
    rngs = {'dropout': jax.random.key(key)}
    return jax.tree.map(
      np.asarray, Twice().apply({}, x, train=train, rngs=rngs)
    )


def test_the_mask_is_a_function_of_the_index():
  first, other = _run([5, 6, 7, 5])
  again, _ = _run([7, 5])
  np.testing.assert_array_equal(first[0], first[3])
  np.testing.assert_array_equal(first[[2, 0]], again)
  assert (first[0] != first[1]).any()
  assert (first != other).any()
  # The rest is scaled up, and `broadcast_dims` are kept.
  assert set(np.unique(first)) == {0.0, 2.0}
  assert (other == other[:, :1]).all()
  assert 0.3 < (first > 0).mean() < 0.7


def test_other_keys_give_other_masks_and_evaluation_none():
  assert (_run([1, 2])[0] != _run([1, 2], key=1)[0]).any()
  assert (_run([1, 2], train=False)[0] == 1).all()


def test_what_has_no_row_for_each_example_is_dropped_as_always():
  class Shared(nn.Module):
    @nn.compact
    def __call__(self, x):
      return nn.Dropout(0.5, deterministic=False)(x)

  x = jnp.ones((3, 50))
  rngs = {'dropout': jax.random.key(0)}
  want = Shared().apply({}, x, rngs=rngs)
  with dropout.by_example(jnp.arange(4)):
    np.testing.assert_array_equal(Shared().apply({}, x, rngs=rngs), want)
