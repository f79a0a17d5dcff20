"""From noise at time 0 to a picture at time 1, along a field of velocities."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Velocity = Callable[[Array, Array], Array]
"""`(x, time) -> dx/dtime`; the time is one number for the whole batch."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Euler:
  """Follows the velocity at the start of each step: first order.

  >>> euler = Euler(steps=1000)
  >>> round(float(euler(lambda x, time: x, jnp.ones(()))), 2)  # exp(1)
  2.72
  """

  steps: int = 50
  """Steps from noise to picture; each evaluates the velocity once."""

  def __post_init__(self):
    """Checks the number of steps."""
    _check(self.steps)

  def __call__(
    self, velocity: Velocity, x: Float[Array, '*b']
  ) -> Float[Array, '*b']:
    """Integrates from time 0 to time 1, in one compiled loop."""
    size = 1 / self.steps

    def step(x, time):
      return x + size * velocity(x, time), None

    return jax.lax.scan(step, x, jnp.arange(self.steps) * size)[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Heun:
  """Follows the mean of the velocities at both ends of a step: second order.

  What it uses as the far end is where Euler's step would lead. Elucidating the
  Design Space of Diffusion-Based Generative Models, algorithm 1
  (https://arxiv.org/abs/2206.00364).
  """

  steps: int = 20
  """Steps from noise to picture; each evaluates the velocity twice."""

  def __post_init__(self):
    """Checks the number of steps."""
    _check(self.steps)

  def __call__(
    self, velocity: Velocity, x: Float[Array, '*b']
  ) -> Float[Array, '*b']:
    """Integrates from time 0 to time 1, in one compiled loop."""
    size = 1 / self.steps

    def step(x, time):
      here = velocity(x, time)
      there = velocity(x + size * here, time + size)
      return x + size / 2 * (here + there), None

    return jax.lax.scan(step, x, jnp.arange(self.steps) * size)[0]


def _check(steps: int) -> None:
  if steps < 1:
    raise ValueError(f'steps {steps} is below 1')
