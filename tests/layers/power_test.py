from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np

from mmjax.layers.doubled import doubled, two_product, two_sum
from mmjax.layers.power import doubled_power, single_power

WINDOW = np.hanning(33)[:-1]


def test_sums_and_products_are_exact(rng):
  a, b = (
    rng.normal(size=(2, 50)) * 10.0 ** rng.integers(-6, 6, (2, 50))
  ).astype(np.float32)
  for run, exact in (
    (two_sum, lambda x, y: x + y),
    (two_product, lambda x, y: x * y),
  ):
    high, low = (np.asarray(x) for x in jax.jit(run)(a, b))
    for i in range(50):
      want = exact(Fraction(float(a[i])), Fraction(float(b[i])))
      assert Fraction(float(high[i])) + Fraction(float(low[i])) == want


def test_two_float32_hold_twice_the_digits(rng):
  x, y = rng.normal(size=(2, 50))

  @jax.jit
  def run():
    a, b = doubled(x), doubled(y)
    return a.times(b).minus(b).plus(a)

  high, low = (np.asarray(v, np.float64) for v in run())
  np.testing.assert_allclose(high + low, x * y - y + x, atol=1e-13)


def test_power_is_that_of_double_precision(rng):
  """Of a loud tone and noise that is 140 dB quieter, in three frames."""
  tone = np.sin(2 * np.pi * 3 * np.arange(32) / 32)
  frames = (tone + 1e-7 * rng.normal(size=(2, 3, 32))).astype(np.float32)
  want = np.abs(np.fft.rfft(frames.astype(np.float64) * WINDOW)) ** 2
  got = jax.jit(lambda x: doubled_power(x, WINDOW))(frames)
  assert want.max() / want.min() > 1e12
  np.testing.assert_allclose(got, want, rtol=1e-5)
  rough = jax.jit(lambda x: single_power(x, WINDOW))(frames)
  np.testing.assert_allclose(rough, want, atol=1e-5 * want.max())


def test_the_gradient_is_that_of_the_simple_one(rng):
  frames = jnp.asarray(rng.normal(size=(1, 3, 32)), jnp.float32)
  got, want = (
    jax.jit(jax.grad(lambda x, f=f: (f(x, WINDOW) ** 2).sum()))(frames)
    for f in (doubled_power, single_power)
  )
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)
