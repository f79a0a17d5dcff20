"""Training that tells little about any one example: DP-SGD."""

import dataclasses
import functools
import math
from typing import Any

import jax
import optax
from optax import contrib

from mmjax.data.dataset import Shared
from mmjax.train.config import Config
from mmjax.train.groups import Groups
from mmjax.train.optimizer import AdamW
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Private:
  """Another optimiser, of gradients that hide each single example.

  The gradient of each example alone is scaled down to a norm of at most
  `clip_norm`; the mean of them gets normal noise of `noise_multiplier *
  clip_norm` over the size of the batch. It does the clipping and adding of
  `optax.contrib.differentially_private_aggregate`. Deep Learning with
  Differential Privacy, algorithm 1 (https://arxiv.org/abs/1607.00133).

  Gradients of all examples are in memory at a time, and what compares examples
  with each other, such as a contrastive loss, cannot be trained so.
  """

  optimizer: Any = AdamW(clip_norm=None)
  """What the noisy mean is given to; whatever it does with that is private,
  too."""
  clip_norm: float = 1.0
  """Largest norm of an example's gradient."""
  noise_multiplier: float = 4.0
  """Standard deviation of the noise in a sum, over `clip_norm`."""
  delta: float = 1e-4
  """Probability with which the guarantee may fail; below one over the number of
  examples."""
  seed: int = 0
  """Of the noise. Whoever knows it can take the noise away again."""

  def __post_init__(self):
    """Checks the ranges."""
    for name in ('clip_norm', 'noise_multiplier'):
      if getattr(self, name) <= 0:
        raise ValueError(f'{name} {getattr(self, name)} is not positive')
    if not 0 < self.delta < 1:
      raise ValueError(f'delta {self.delta} is not between 0 and 1')

  @property
  def groups(self) -> Groups:
    """Those of the optimiser."""
    return self.optimizer.groups

  def schedule(self, steps: int) -> optax.Schedule:
    """Learning rate as a function of the step, over a run of `steps`."""
    return self.optimizer.schedule(steps)

  def build(self, steps: int) -> optax.GradientTransformation:
    """The Optax transformation; its updates have an axis of examples first."""
    return optax.chain(
      contrib.differentially_private_aggregate(
        self.clip_norm, self.noise_multiplier, jax.random.key(self.seed)
      ),
      self.optimizer.build(steps),
    )

  def epsilon(self, uses: int) -> float:
    """What is spent when each example was in at most so many batches.

    See `epsilon_of`.
    """
    return epsilon_of(uses, self.noise_multiplier, delta=self.delta)


@functools.cache
def epsilon_of(uses: int, noise_multiplier: float, *, delta: float) -> float:
  """Epsilon of `(epsilon, delta)`-differential privacy.

  Several sums with normal noise of an example are as private as one of them
  with less noise, by the root of their number, of which epsilon is known
  exactly. Neighbouring data sets differ in one example whose gradients count as
  zero in one of them. That batches are drawn by chance is not made use of: it
  would need batches whose sizes are random
  (https://arxiv.org/abs/2403.17673).

  Improving the Gaussian Mechanism for Differential Privacy, theorem 8
  (https://arxiv.org/abs/1805.06530).

  Args:
    uses: batches that an example was in.
    noise_multiplier: standard deviation of the noise over the largest norm.
    delta: of the pair.
  """
  # They take a second to import, and few train like this.
  from scipy import optimize, stats

  if not uses:
    return 0.0
  shift = math.sqrt(uses) / noise_multiplier

  def excess(epsilon: float) -> float:
    above = stats.norm.logcdf(shift / 2 - epsilon / shift)
    below = epsilon + stats.norm.logcdf(-shift / 2 - epsilon / shift)
    return math.exp(above) - math.exp(below) - delta

  if excess(0.0) <= 0:
    return 0.0
  most = 1.0
  while excess(most) > 0:
    most *= 2
  found: Any = optimize.brentq(excess, 0.0, most, xtol=1e-9)
  return found


def check(config: Config) -> None:
  """Looks whether a private optimiser can keep its word.

  Raises:
    InputError: an example would count more often than it is said to, or would
      have no gradient of its own.
  """
  if not isinstance(config.optimizer, Private):
    return
  comparing = [k for k, o in config.objectives.items() if hasattr(o, 'pairs')]
  for wrong, why in {
    'strategy pmap': config.strategy == 'pmap',
    f'accumulate {config.accumulate}': config.accumulate > 1,
    f'balance.key {config.balance.key!r}': config.balance.key is not None,
    'mix': config.mix is not None,
    'a regularizer': config.regularizer is not None,
    'a mixture of data': isinstance(config.data, Shared),
    f'the objective {comparing[:1]}': bool(comparing),
  }.items():
    if why:
      raise InputError(f'{wrong} does not go with a private optimizer')


class Spending:
  """What a run has spent so far: `epsilon`, where its optimiser is private.

  An epoch takes each example once, so that after some steps none has been in
  more batches than there were epochs, a begun one counted in full.
  """

  def __init__(self, config: Config):
    self._optimizer = config.optimizer
    self._batch_size = config.batch_size
    self._examples = 0
    if isinstance(config.optimizer, Private):
      self._examples = len(config.data.source('train'))

  def __call__(self, step: int) -> dict[str, float]:
    """The number after so many steps, by its name."""
    if not isinstance(self._optimizer, Private):
      return {}
    uses = math.ceil(step * self._batch_size / self._examples)
    return {'epsilon': self._optimizer.epsilon(uses)}
