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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Allow:
  """Forbids all ids but some."""

  tokens: tuple[int, ...] = ()
  """Which may come."""

  def __call__(
    self, scores: Float[Array, 'b v'], written: Written
  ) -> Float[Array, 'b v']:
    """Forbids the others."""
    del written
    may = jnp.zeros(scores.shape[-1], bool)
    may = may.at[jnp.asarray(self.tokens, jnp.int32)].set(True)
    return jnp.where(may[None], scores, -jnp.inf)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timestamps:
  """When a text has times in it, as Whisper writes them.

  A text begins with a time. Times come in pairs, the end of a piece and the
  start of the next, or alone before the end of the text; they do not fall. If
  all of them together are likelier than each other id, one of them comes.
  Section 2.3 of https://arxiv.org/abs/2212.04356.
  """

  first: int
  """Id of time 0; the times after it follow. The one before it, which says that
  there are no times, is forbidden."""
  end: int
  """Id that ends a text: what is below it are words."""
  latest_start: int | None = None
  """How many times behind 0 the first one may be; any if None."""

  def __call__(
    self, scores: Float[Array, 'b v'], written: Written
  ) -> Float[Array, 'b v']:
    """Forbids what may not come."""
    ids = jnp.arange(scores.shape[-1])[None]
    times = ids >= self.first
    count, tokens = written.count, written.tokens
    made = jnp.arange(tokens.shape[1])[None] < count
    is_time = made & (tokens >= self.first)
    last, before = (
      jnp.take(is_time, jnp.maximum(count - back, 0), axis=1)[:, None]
      for back in (1, 2)
    )
    last, before = last & (count >= 1), before | (count < 2)
    newest = jnp.where(is_time, tokens, -1).max(axis=1, keepdims=True)
    # A piece may begin where the one before it ends, but not end there.
    least = newest + jnp.where(last & ~before, 0, 1)
    forbidden = (
      (ids == self.first - 1)
      | (last & before & times)
      | (last & ~before & (ids < self.end))
      | (times & (newest >= 0) & (ids < least))
      | ((count == 0) & ~times)
    )
    if self.latest_start is not None:
      late = ids > self.first + self.latest_start
      forbidden = forbidden | ((count == 0) & late)
    scores = jnp.where(forbidden, -jnp.inf, scores)
    log_p = jax.nn.log_softmax(scores)
    any_time = jax.nn.logsumexp(
      jnp.where(times, log_p, -jnp.inf), axis=-1, keepdims=True
    )
    best_word = jnp.where(times, -jnp.inf, log_p).max(axis=-1, keepdims=True)
    return jnp.where(~times & (any_time > best_word), -jnp.inf, scores)


def _at_least(
  scores: Float[Array, 'b v'], least: Float[Array, 'b 1']
) -> Float[Array, 'b v']:
  return jnp.where(scores < least, -jnp.inf, scores)
