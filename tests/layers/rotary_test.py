import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.layers.rotary import Llama3Scaling, Rotary

WIDTH = 6


def _turn(x, places, base=10_000.0):
  """RoFormer, equation 34, with complex numbers."""
  half = x.shape[-1] // 2
  rates = base ** (-2 * np.arange(half) / x.shape[-1])
  z = x[..., :half] + 1j * x[..., half:]
  z = z * np.exp(1j * places[:, None, :, None] * rates)
  return np.concatenate([z.real, z.imag], axis=-1)


def test_pairs_are_complex_numbers_that_are_turned(rng):
  x = rng.normal(size=(2, 3, 5, WIDTH)).astype(np.float32)
  places = rng.integers(0, 50, (2, 5))
  got = Rotary(base=100.0)(jnp.asarray(x), jnp.asarray(places))
  np.testing.assert_allclose(got, _turn(x, places, 100.0), atol=2e-5)


def test_products_depend_on_the_distance_alone(rng):
  query, key = (
    jnp.asarray(rng.normal(size=(1, 1, 1, WIDTH)), jnp.float32)
    for _ in range(2)
  )
  rotary = Rotary()

  def product(n, m):
    places = [jnp.full((1, 1), place) for place in (n, m)]
    turned = (rotary(query, places[0]) * rotary(key, places[1])).sum()
    return float(turned)

  assert product(7, 3) == pytest.approx(product(104, 100), abs=1e-4)
  assert product(4, 0) == pytest.approx(product(7, 3), abs=1e-5)
  assert product(3, 7) != pytest.approx(product(7, 3), abs=1e-2)
  assert product(9, 9) == pytest.approx(float((query * key).sum()), abs=1e-5)


def test_angles_are_exact_in_half_precision():
  x = jnp.ones((1, 1, 1, 2), jnp.bfloat16)
  got = Rotary()(x, jnp.array([[1001]]))
  want = np.cos(1001) - np.sin(1001), np.cos(1001) + np.sin(1001)
  assert got.dtype == jnp.bfloat16
  np.testing.assert_allclose(
    np.asarray(got, np.float32)[0, 0, 0], want, atol=1e-2
  )


def test_scaling_slows_only_long_waves():
  scaling = Llama3Scaling(factor=8.0, low=1.0, high=4.0, length=100)
  waves = np.array([1.0, 24.9, 40.0, 101.0, 5000.0])
  got = scaling(2 * np.pi / waves) * waves / (2 * np.pi)
  kept = (100 / 40 - 1) / 3
  want = [1, 1, kept + (1 - kept) / 8, 1 / 8, 1 / 8]
  np.testing.assert_allclose(got, want)
  rotary = Rotary(base=50.0, scaling=scaling)
  np.testing.assert_array_equal(
    rotary.rates(4), scaling(np.array([1.0, 50.0**-0.5]))
  )


def test_a_head_has_pairs():
  with pytest.raises(ValueError, match='head width 5 is not divisible by 2'):
    Rotary().rates(5)
