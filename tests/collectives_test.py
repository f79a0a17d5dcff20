import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.collectives import gather, psum

AXIS = 'devices'
mapped = functools.partial(jax.pmap, axis_name=AXIS)


@pytest.mark.parametrize('shape', [(), (3,), (8,), (5, 7)])
def test_every_device_has_the_same_sum(rng, shape):
  x = rng.normal(size=(8, *shape)).astype(np.float32)
  found = np.asarray(mapped(lambda x: psum(x, AXIS))(x))
  np.testing.assert_allclose(found[0], x.sum(axis=0), atol=1e-6)
  np.testing.assert_array_equal(found, np.broadcast_to(found[0], x.shape))


def test_leaves_of_a_tree_keep_their_shapes_and_dtypes(rng):
  tree = {
    'kernel': rng.normal(size=(8, 3, 5)).astype(np.float32),
    'loss': rng.normal(size=(8,)).astype(np.float32),
    'half': rng.normal(size=(8, 7)).astype(jnp.bfloat16),
    'count': rng.integers(9, size=(8, 2)).astype(np.int32),
    'nothing': np.zeros((8, 0), np.float32),
  }
  found = jax.tree.map(
    lambda x: np.asarray(x)[0], mapped(lambda x: psum(x, AXIS))(tree)
  )
  for name, x in tree.items():
    assert found[name].dtype == x.dtype
    # Halves are added up in single precision.
    wide = x.astype(np.float32) if name == 'half' else x
    want = functools.reduce(np.add, wide).astype(x.dtype)
    np.testing.assert_array_equal(found[name], want, name)


def test_sums_are_those_of_the_devices_in_their_order(rng):
  # Large numbers drown the small ones, or cancel before them.
  values = np.tile([1e8, -1e8, 3.0, 5.0, 1e8, -1e8, 3.0, 7.0], (40, 1))
  x = rng.permuted(values, axis=1).T.astype(np.float32)
  found = np.asarray(mapped(lambda x: psum(x, AXIS))(x))[0]
  want = functools.reduce(np.add, x)
  np.testing.assert_array_equal(found, want)
  assert (want != x.astype(np.float64).sum(axis=0)).any()


def test_gathered_rows_have_the_gradients_of_all_devices(rng):
  x = rng.normal(size=(8, 2, 3)).astype(np.float32)
  slopes = rng.normal(size=(8, 16, 3)).astype(np.float32)

  def used(x, slope):
    return (gather(x, AXIS) * slope).sum()

  np.testing.assert_array_equal(
    np.asarray(mapped(lambda x: gather(x, AXIS))(x))[3], x.reshape(16, 3)
  )
  found = mapped(jax.grad(used))(x, slopes)
  np.testing.assert_allclose(
    found, slopes.sum(axis=0).reshape(8, 2, 3), atol=1e-5
  )


def test_integers_and_masks_are_gathered_as_they_are():
  x = jnp.arange(8)
  assert (
    mapped(lambda x: gather(x[None] > 3, AXIS))(x)[0].tolist()
    == [False] * 4 + [True] * 4
  )


def test_without_an_axis_nothing_happens():
  x = jnp.ones(3)
  assert psum(x, None) is x
  assert gather(x, None) is x
