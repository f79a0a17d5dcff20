"""A copy holds the same numbers, in memory that a device takes over."""

import jax
import ml_dtypes
import numpy as np
import pytest

from mmjax.pretrained.copying import own_copy

F = np.dtype('f4')


def _views(x):
  """Whole and turned, of heads, in part, of one line, scalars and nothing."""
  return {
    'as it is': x,
    'turned': x.T,
    'heads in': x.reshape(3, -1, x.shape[1]).transpose(2, 0, 1),
    'heads out': x.reshape(len(x), -1, 5).transpose(1, 2, 0),
    'a part, turned': x[7:400, 3:350].T,
    'all axes turned': x.reshape(3, -1, 5).T,
    'backwards': x[::-1, ::-1].T,
    'a row': x[:1].T,
    'a column': x[:, :1].T,
    'scalar': x[0, 0, ...],
    'nothing': x[:0].T,
  }


@pytest.mark.parametrize('dtype', ['f4', 'f8', ml_dtypes.bfloat16])
def test_the_copy_is_equal_and_of_its_own(dtype, rng):
  # Neither is a whole number of tiles.
  source = rng.normal(size=(1053, 515)).astype(dtype)
  source.flags.writeable = False
  for name, x in _views(source).items():
    got = own_copy(x, F)
    np.testing.assert_array_equal(got, x.astype(F), err_msg=name)
    assert got.dtype == F
    assert got.flags.c_contiguous
    assert not np.shares_memory(got, source)


def test_a_device_uses_the_copy_in_place(rng):
  x = own_copy(rng.normal(size=(33, 5)).T, F)
  there = jax.device_put(x, jax.devices()[0])
  assert there.unsafe_buffer_pointer() == x.ctypes.data
