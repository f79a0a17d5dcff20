"""Recall of a ranking in which ties are broken at random, in closed form."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

# Scores of unit vectors that differ by less come from float32 rounding, which
# differs from column to column of a matrix product.
TIE = 1e-6


class Embedded(NamedTuple):
  """Queries, or what they can find, one after the other.

  Attributes:
    x: unit vectors.
    match: items with the same value belong together.
    pool: a query looks among the items with its own value.
    row: position in a pass over the batches.
  """

  x: Float[np.ndarray, 'n d']
  match: Int[np.ndarray, ' n']
  pool: Int[np.ndarray, ' n']
  row: Int[np.ndarray, ' n']

  def take(
    self, which: Bool[np.ndarray, ' n'] | Int[np.ndarray, ' m']
  ) -> 'Embedded':
    """Some of the items."""
    return Embedded(*(column[which] for column in self))

  def distinct(self) -> 'Embedded':
    """The first item of each value of `match`."""
    return self.take(np.sort(np.unique(self.match, return_index=True)[1]))


class Ranks(NamedTuple):
  """Where the best relevant candidate of each query stands.

  Attributes:
    above: candidates that score higher.
    tied: candidates that score the same, itself included.
    tied_relevant: those among the tied that are relevant.
    candidates: all candidates.
    relevant: all relevant candidates, at least one.
  """

  above: Int[np.ndarray, ' q']
  tied: Int[np.ndarray, ' q']
  tied_relevant: Int[np.ndarray, ' q']
  candidates: Int[np.ndarray, ' q']
  relevant: Int[np.ndarray, ' q']

  def recall(self, k: int) -> float:
    """Expected fraction of queries with a relevant candidate in the first k.

    The expectation is over random orders of tied candidates: a constant
    embedding has exactly the recall of chance.
    """
    hit = self.hits(k)
    return float(hit.mean()) if hit.size else float('nan')

  def hits(self, k: int) -> Float[np.ndarray, ' q']:
    """Of each query, the probability of a relevant one among the first `k`."""
    return hit_probability(self.tied, self.tied_relevant, k - self.above)

  def chance(self, k: int) -> float:
    """Expected recall of a random ranking."""
    hit = hit_probability(
      self.candidates, self.relevant, np.full_like(self.above, k)
    )
    return float(hit.mean()) if hit.size else float('nan')

  def median(self) -> float:
    """Median over queries of the expected rank, the first being 1."""
    rank = self._expected()
    return float(np.median(rank)) if rank.size else float('nan')

  def mean(self) -> float:
    """Mean over queries of the expected rank, the first being 1."""
    rank = self._expected()
    return float(rank.mean()) if rank.size else float('nan')

  def _expected(self) -> Float[np.ndarray, ' q']:
    # Of r relevant among T in random order, the first stands at (T+1)/(r+1).
    return self.above + (self.tied + 1) / (self.tied_relevant + 1)


def hit_probability(
  total: Int[np.ndarray, ' q'],
  relevant: Int[np.ndarray, ' q'],
  draws: Int[np.ndarray, ' q'],
) -> Float[np.ndarray, ' q']:
  """Probability that some of `draws` candidates out of `total` is relevant.

  This is 1 - C(total - relevant, draws) / C(total, draws), the hypergeometric
  distribution, summed in logarithms; zero when `draws` is not positive.
  """
  miss = np.zeros(total.shape)
  for i in range(int(np.max(draws, initial=0))):
    left = np.maximum(total - i, 1)
    with np.errstate(divide='ignore'):
      step = np.log1p(-np.minimum(relevant / left, 1.0))
    miss += np.where(i < draws, step, 0.0)
  return -np.expm1(miss)


def rank(
  queries: Float[np.ndarray, 'q d'],
  candidates: Float[np.ndarray, 'n d'],
  *,
  query_match: Int[np.ndarray, ' q'],
  candidate_match: Int[np.ndarray, ' n'],
  chunk: int,
) -> Ranks:
  """Ranks candidates by inner product, `chunk` queries at a time.

  Args:
    queries: embeddings of what is looked for.
    candidates: embeddings of what can be found.
    query_match: value of each query; candidates of the same value are relevant.
    candidate_match: value of each candidate.
    chunk: rows of the score matrix that are held at once.

  Returns:
    One rank for each query; every query needs a relevant candidate.
  """
  parts = []
  for part in _chunks(len(queries), chunk):
    scores = queries[part] @ candidates.T
    relevant = query_match[part, None] == candidate_match[None, :]
    best = np.where(relevant, scores, -np.inf).max(axis=1, keepdims=True)
    tied = np.abs(scores - best) <= TIE
    parts.append(
      Ranks(
        above=(scores > best + TIE).sum(axis=1),
        tied=tied.sum(axis=1),
        tied_relevant=(tied & relevant).sum(axis=1),
        candidates=np.full(len(scores), len(candidates)),
        relevant=relevant.sum(axis=1),
      )
    )
  return join(parts)


def join(parts: list[Ranks]) -> Ranks:
  """Several ranks, one after the other."""
  none = Ranks(*[np.zeros(0, int)] * len(Ranks._fields))
  columns = zip(none, *parts, strict=True)
  return Ranks(*(np.concatenate(column) for column in columns))


def clean(x: Float[np.ndarray, 'n d']) -> Float[np.ndarray, 'n d']:
  """Embeddings in which what is not finite is zero, so that it ties."""
  return np.where(np.isfinite(x).all(axis=1, keepdims=True), x, 0.0)


def _chunks(total: int, size: int) -> Iterator[slice]:
  return (slice(i, i + size) for i in range(0, total, size))
