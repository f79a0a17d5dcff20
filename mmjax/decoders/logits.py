"""Rules for the next id: `(scores, written) -> scores`, -inf where forbidden.

Scores are logits or log-probabilities: a rule gives the same for both.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.decoders.steps import Written


@dataclasses.dataclass(frozen=True, kw_only=True)
class Temperature:
  """Divides the scores: below 1 likely ids become likelier."""

  value: float = 1.0
  """What they are divided by."""

  def __post_init__(self):
    """Checks that it is positive."""
    if not self.value > 0:
      raise ValueError(f'temperature {self.value} is not above 0')

  def __call__(
    self, scores: Float[Array, 'b v'], written: Written
  ) -> Float[Array, 'b v']:
    """Divides."""
    del written
    return scores / self.value


@dataclasses.dataclass(frozen=True, kw_only=True)
class TopK:
  """The best few ids, and what is as good as the last of them.

  Hierarchical Neural Story Generation (https://arxiv.org/abs/1805.04833).
  """

  k: int = 50
  """How many."""

  def __post_init__(self):
    """Checks that some are left."""
    if self.k < 1:
      raise ValueError(f'top_k {self.k} is below 1')

  def __call__(
    self, scores: Float[Array, 'b v'], written: Written
  ) -> Float[Array, 'b v']:
    """Forbids the others."""
    del written
    best = jax.lax.top_k(scores, min(self.k, scores.shape[-1]))[0]
    return _at_least(scores, best[:, -1:])


@dataclasses.dataclass(frozen=True, kw_only=True)
class TopP:
  """The fewest ids that have a probability of `p` together, the nucleus.

  The Curious Case of Neural Text Degeneration
  (https://arxiv.org/abs/1904.09751).
  """

  p: float = 0.9
  """Their probability together."""

  def __post_init__(self):
    """Checks that it is a probability."""
    if not 0 < self.p <= 1:
      raise ValueError(f'top_p {self.p} is not in (0, 1]')

  def __call__(
    self, scores: Float[Array, 'b v'], written: Written
  ) -> Float[Array, 'b v']:
    """Forbids the others; what is as good as the last one stays, too."""
    del written
    ordered = -jnp.sort(-scores, axis=-1)
    shares = jax.nn.softmax(ordered, axis=-1)
    before = jnp.cumsum(shares, axis=-1) - shares
    last = jnp.where(before < self.p, ordered, jnp.inf)
    return _at_least(scores, last.min(axis=-1, keepdims=True))


@dataclasses.dataclass(frozen=True, kw_only=True)
class MinP:
  """The ids that are at least `p` times as probable as the best one.

  Min-p Sampling (https://arxiv.org/abs/2407.01082).
  """

  p: float = 0.05
  """Share of the best one's probability."""

  def __post_init__(self):
    """Checks that it is a share."""
    if not 0 <= self.p <= 1:
      raise ValueError(f'min_p {self.p} is not in [0, 1]')

  def __call__(
    self, scores: Float[Array, 'b v'], written: Written
  ) -> Float[Array, 'b v']:
    """Forbids the others."""
    del written
    shares = jax.nn.softmax(scores, axis=-1)
    least = self.p * shares.max(axis=-1, keepdims=True)
    return jnp.where(shares < least, -jnp.inf, scores)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suppress:
  """Forbids some ids, always or as the first one."""

  tokens: tuple[int, ...] = ()
  """Which."""
  first_only: bool = False
  """Whether only the first id that is generated may not be one of them."""

  def __call__(
    self, scores: Float[Array, 'b v'], written: Written
  ) -> Float[Array, 'b v']:
    """Forbids them."""
    known = [token for token in self.tokens if token < scores.shape[-1]]
    without = scores.at[:, jnp.asarray(known, jnp.int32)].set(-jnp.inf)
    if not self.first_only:
      return without
    return jnp.where(written.count == 0, without, scores)


def _at_least(
  scores: Float[Array, 'b v'], least: Float[Array, 'b 1']
) -> Float[Array, 'b v']:
  return jnp.where(scores < least, -jnp.inf, scores)
