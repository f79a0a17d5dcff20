"""Solvers: their orders on an equation whose solution is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

from mmjax.decoders import Euler, Heun

# Turns and shrinks: dx/dtime = A x.
MATRIX = np.array([[-0.5, 2.0], [-2.0, -0.3]], np.float32)
START = np.array([[1.0, 0.5], [-0.3, 2.0]], np.float32)


def _error(solver):
  run = jax.jit(lambda x: solver(lambda x, time: x @ MATRIX.T, x))
  exact = START @ linalg.expm(MATRIX).T
  return np.abs(np.asarray(run(START)) - exact).max()


@pytest.mark.parametrize(('solver', 'order'), [(Euler, 1), (Heun, 2)])
def test_the_error_falls_with_the_order_of_the_solver(solver, order):
  errors = [_error(solver(steps=steps)) for steps in (16, 32, 64)]
  ratios = np.divide(errors[:-1], errors[1:])
  np.testing.assert_allclose(ratios, 2**order, rtol=0.12)
  assert errors[-1] < 0.05


def test_velocities_are_asked_for_at_the_right_times():
  seen = []

  def velocity(x, time):
    jax.debug.callback(lambda t: seen.append(float(t)), time, ordered=True)
    return 2 * time + 0 * x

  x = Euler(steps=4)(velocity, jnp.zeros(1))
  np.testing.assert_allclose(seen, [0, 0.25, 0.5, 0.75])
  np.testing.assert_allclose(x, 0.75)
  seen.clear()
  # Heun is exact on a straight line.
  np.testing.assert_allclose(Heun(steps=2)(velocity, jnp.ones(1)), 2.0)
  np.testing.assert_allclose(seen, [0, 0.5, 0.5, 1])


@pytest.mark.parametrize('solver', [Euler, Heun])
def test_steps_below_one_are_named(solver):
  with pytest.raises(ValueError, match='steps 0 is below 1'):
    solver(steps=0)
