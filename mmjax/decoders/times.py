"""Which moments between noise (0) and picture (1) training looks at."""

import dataclasses

import jax
from jaxtyping import Array, Float, Key


@dataclasses.dataclass(frozen=True, kw_only=True)
class UniformTimes:
  """All times alike."""

  def __call__(self, key: Key[Array, '']) -> Float[Array, '']:
    """Draws a time."""
    return jax.random.uniform(key)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogitNormalTimes:
  """Times whose logit is normal: mostly those half way, where it is hardest.

  Scaling Rectified Flow Transformers, section 3.1
  (https://arxiv.org/abs/2403.03206).
  """

  mean: float = 0.0
  """Mean of the logit; below 0 looks more at noise."""
  std: float = 1.0
  """Standard deviation of the logit."""

  def __post_init__(self):
    """Checks the spread."""
    if not self.std > 0:
      raise ValueError(f'std {self.std} is not positive')

  def __call__(self, key: Key[Array, '']) -> Float[Array, '']:
    """Draws a time."""
    return jax.nn.sigmoid(self.mean + self.std * jax.random.normal(key))
