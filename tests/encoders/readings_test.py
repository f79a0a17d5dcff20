"""The mean of readings: of those that are real."""

import jax.numpy as jnp
import numpy as np

from mmjax.encoders.readings import MeanReading


def test_what_is_masked_is_not_read(rng):
  readings = rng.normal(size=(3, 5, 4)).astype(np.float32)
  mask = np.array([[1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [0] * 5], bool)
  for poison in (0.0, 1e4, np.nan):
    given = np.where(mask[..., None], readings, poison)
    x, real = MeanReading().apply({}, jnp.asarray(given), jnp.asarray(mask))
    np.testing.assert_allclose(x[0, 0], readings[0].mean(0), rtol=1e-5)
    both = readings[1, [1, 3]].mean(0)
    np.testing.assert_allclose(x[1, 0], both, rtol=1e-5)
    np.testing.assert_array_equal(x[2], 0)
    np.testing.assert_array_equal(real, [[True], [True], [False]])
