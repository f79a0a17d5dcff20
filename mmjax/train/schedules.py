"""How the learning rate goes down from its peak: what follows the warm-up.

Each shape is a frozen dataclass, called with the number of steps that are left
after the warm-up; `with_warmup` puts the warm-up before it.
"""

import dataclasses
from typing import Protocol, runtime_checkable

import jax.numpy as jnp
import optax

from mmjax.types import InputError


@runtime_checkable
class Decay(Protocol):
  """A shape of decay."""

  def __call__(self, steps: int, *, peak: float, end: float) -> optax.Schedule:
    """Makes the schedule of the `steps` that follow the warm-up."""
    ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cosine:
  """Half a cosine from the peak to the end.

  SGDR (https://arxiv.org/abs/1608.03983), without restarts.
  """

  def __call__(self, steps: int, *, peak: float, end: float) -> optax.Schedule:
    """Makes the schedule of the `steps` that follow the warm-up."""
    return optax.cosine_decay_schedule(peak, max(1, steps), end / peak)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Linear:
  """A straight line from the peak to the end."""

  def __call__(self, steps: int, *, peak: float, end: float) -> optax.Schedule:
    """Makes the schedule of the `steps` that follow the warm-up."""
    return optax.linear_schedule(peak, end, max(1, steps))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rsqrt:
  """One over the square root of the step, with an optional cool-down.

  The rate does not depend on the number of steps before the cool-down starts,
  so that a run can be made longer. Scaling Vision Transformers, section 3.5
  (https://arxiv.org/abs/2106.04560).
  """

  timescale: int = 10_000
  """Steps in which the rate falls to 1 / sqrt(2) of the peak."""
  cooldown: float = 0.0
  """Share of the steps after the warm-up, at the end, in which the rate goes
  straight to `end_lr`."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    if self.timescale < 1:
      raise ValueError(f'timescale {self.timescale} is below 1')
    _check_cooldown(self.cooldown)

  def __call__(self, steps: int, *, peak: float, end: float) -> optax.Schedule:
    """Makes the schedule of the `steps` that follow the warm-up."""

    def rate(count):
      # What stands before the warm-up's end is computed, though not used.
      count = jnp.maximum(count, 0)
      return peak * jnp.sqrt(self.timescale / (self.timescale + count))

    return _cool_down(rate, steps, share=self.cooldown, end=end)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant:
  """The peak all along, with an optional cool-down.

  With one it is warm-up, stable, decay: Scaling Laws Beyond Fixed Training
  Durations (https://arxiv.org/abs/2405.18392).
  """

  cooldown: float = 0.0
  """Share of the steps after the warm-up, at the end, in which the rate goes
  straight to `end_lr`."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    _check_cooldown(self.cooldown)

  def __call__(self, steps: int, *, peak: float, end: float) -> optax.Schedule:
    """Makes the schedule of the `steps` that follow the warm-up."""
    rate = optax.constant_schedule(peak)
    return _cool_down(rate, steps, share=self.cooldown, end=end)


def with_warmup(
  decay: Decay, steps: int, *, warmup: float, peak: float, end: float
) -> optax.Schedule:
  """A straight line from zero to the peak, then the decay.

  Args:
    decay: what follows the warm-up.
    steps: steps of the whole run.
    warmup: share of them in which the rate rises; 0 starts at the peak.
    peak: rate at the end of the warm-up.
    end: rate at the last step, if the decay goes anywhere.
  """
  rising = max(1, round(warmup * steps)) if warmup else 0
  rest = decay(max(2, steps) - rising, peak=peak, end=end)
  if not rising:
    return rest
  return optax.join_schedules(
    [optax.linear_schedule(0.0, peak, rising), rest], [rising]
  )


def _cool_down(
  rate: optax.Schedule, steps: int, *, share: float, end: float
) -> optax.Schedule:
  if not share:
    if end:
      raise InputError(f'end_lr {end} is reached only with a cooldown')
    return rate
  cooling = max(1, round(share * steps))

  def cooled(count):
    left = jnp.clip((steps - count) / cooling, 0.0, 1.0)
    # Straight down: what the rate was when the cool-down started.
    top = rate(jnp.minimum(count, steps - cooling))
    return end + (top - end) * left

  return cooled


def _check_cooldown(cooldown: float) -> None:
  if not 0 <= cooldown <= 1:
    raise ValueError(f'cooldown {cooldown} is not a share in [0, 1]')
