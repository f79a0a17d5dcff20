import jax.numpy as jnp
import numpy as np

from mmjax.layers.histogram import color_histogram


def test_pixels_at_the_centres_of_cells_are_counted(rng):
  cells = rng.integers(0, 4, size=(2, 5, 6, 3))
  got = color_histogram(jnp.asarray((cells + 0.5) / 4, jnp.float32), bins=4)
  for image in range(2):
    flat = cells[image].reshape(-1, 3) @ np.array([16, 4, 1])
    want = np.bincount(flat, minlength=64) / 30
    np.testing.assert_allclose(got[image], want, atol=1e-6)


def test_a_pixel_between_two_cells_counts_half_in_each():
  grey = jnp.full((1, 2, 2, 1), 0.5)
  got = color_histogram(grey, bins=2)
  np.testing.assert_allclose(got, [[0.5, 0.5]], atol=1e-6)


def test_shares_add_up_and_do_not_depend_on_where_the_pixels_are(rng):
  pixels = rng.random((1, 4, 4, 3)).astype(np.float32)
  got = color_histogram(jnp.asarray(pixels), bins=3)
  np.testing.assert_allclose(got.sum(), 1, rtol=1e-5)
  mixed = rng.permutation(pixels.reshape(16, 3)).reshape(1, 4, 4, 3)
  np.testing.assert_allclose(
    color_histogram(jnp.asarray(mixed), bins=3), got, atol=1e-6
  )
