"""How often the right item of another modality is among the first found."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int

from mmjax.data.tokenizers import ByteTokenizer
from mmjax.evaluators import figures, ranking, rows
from mmjax.metrics import Evaluation
from mmjax.types import InputError


class Decoder(Protocol):
  """Turns token ids into text."""

  def decode(self, ids: np.ndarray) -> str:
    """The text of one row of ids."""
    ...


class Embedded(NamedTuple):
  """Queries or candidates, one after the other.

  Attributes:
    x: unit vectors.
    match: items with the same value belong together.
    pool: items are looked for among those with the same value.
    row: position in the pass over the batches.
  """

  x: Float[np.ndarray, 'n d']
  match: Int[np.ndarray, ' n']
  pool: Int[np.ndarray, ' n']
  row: Int[np.ndarray, ' n']

  def take(self, which: Bool[np.ndarray, ' n'] | Int[np.ndarray, ' m']):
    """Some of the items."""
    return Embedded(*(column[which] for column in self))


class Found(NamedTuple):
  """An example for the gallery: rows of one query and of what it found."""

  query: int
  found: tuple[int, ...]
  right: tuple[bool, ...]
  answer: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retrieval:
  """Recall of items of modality `key` that a query of another one finds.

  Gives `recall_at_K`, `chance_at_K` and `median_rank` under the prefix
  `{query}_to_{key}`. A query is a hit at K when at least one relevant item is
  among the K that score highest; chance is the expectation of a random order.
  Tied items count as if in random order, so that a constant embedding has the
  recall of chance and no more. Queries without any relevant item don't count.
  """

  query: str = 'audio'
  """Modality to search with."""
  key: str = 'text'
  """Modality that is searched."""
  match: str = 'group'
  """Batch key; an item is relevant when its value is the query's, -1: none."""
  pool: str | None = None
  """Batch key; items are searched among those of the query's value only."""
  distinct: bool = False
  """Keep only the first item of those in a pool with the same `match`."""
  k: tuple[int, ...] = (1, 5, 10)
  """Lengths of the result list at which recall is measured."""
  view: str = 'default'
  """Layout of the split that is scored."""
  name: str = ''
  """Prefix of the numbers; empty for `{query}_to_{key}`."""
  chunk: int = 1024
  """Queries that are scored at once; bounds memory, changes no number."""
  examples: int = 6
  """Queries shown in the figure."""
  tokenizer: Decoder = ByteTokenizer()  # noqa: RUF009, it is frozen
  """Decodes token ids for the figure."""

  def __post_init__(self):
    """Checks the fields."""
    if self.query == self.key:
      raise InputError(f'query and key are both {self.query!r}')
    if not self.k or min(self.k) < 1 or self.chunk < 1:
      raise InputError(
        f'k {self.k} and chunk {self.chunk} must be at least 1'
      )

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split.

    Args:
      predict: the forward pass.
      batches: view name -> evaluation batches; called again by the figure.
      classes: not used.

    Returns:
      The numbers and the figure `{prefix}/gallery`; NaN and no figure when
      there is nothing to search.

    Raises:
      InputError: a key or a modality does not exist.
    """
    del classes
    name = self.name or f'{self.query}_to_{self.key}'
    queries, keys = self._embedded(predict, batches)
    pools = []
    for value in np.unique(queries.pool):
      there = keys.take(keys.pool == value)
      if self.distinct:
        first = np.unique(there.match, return_index=True)[1]
        there = there.take(np.sort(first))
      asked = queries.take(queries.pool == value)
      pools.append(
        (asked.take(np.isin(asked.match, there.match)), there)
      )
    ranks = ranking.join([
      ranking.rank(
        asked.x,
        there.x,
        query_match=asked.match,
        candidate_match=there.match,
        chunk=self.chunk,
      )
      for asked, there in pools
    ])
    numbers = {}
    for k in self.k:
      numbers[f'{name}/recall_at_{k}'] = ranks.recall(k)
      numbers[f'{name}/chance_at_{k}'] = ranks.chance(k)
    numbers[f'{name}/median_rank'] = ranks.median()
    found = _examples(pools, self.examples)
    draw = functools.partial(self._draw, batches=batches, found=found)
    return Evaluation(numbers, {f'{name}/gallery': draw} if found else {})

  def _embedded(self, predict, batches) -> tuple[Embedded, Embedded]:
    """All queries and all items that could be found."""
    parts: dict[str, list[Embedded]] = {self.query: [], self.key: []}
    start = 0
    for batch in batches(self.view):
      match = rows.column(batch, self.match).astype(int)
      size = match.size
      pool = np.zeros(size, int)
      if self.pool is not None:
        pool = rows.column(batch, self.pool).astype(int)
      embeddings = predict(batch)['embeddings']
      counted = rows.real(batch) & (match >= 0)
      row = np.arange(start, start + size)
      for modality, part in parts.items():
        x = rows.pick(embeddings, modality, what='embedding')
        new = Embedded(np.asarray(x, np.float32), match, pool, row)
        here = new.take(counted & rows.present(batch, modality))
        part.append(here._replace(x=ranking.clean(here.x)))
      start += size
    if not start:
      raise InputError(f'view {self.view!r} has no batches to search')
    return tuple(
      Embedded(*map(np.concatenate, zip(*part, strict=True)))
      for part in parts.values()
    )

  def _draw(self, path: Path, *, batches, found: list[Found]) -> None:
    """Draws the gallery; reads the rows that it shows a second time."""
    queries = self._values(batches, self.query, {f.query for f in found})
    wanted = {row for f in found for row in (*f.found, f.answer)}
    keys = self._values(batches, self.key, wanted)
    lines = [
      [
        figures.Cell(self.query, queries[f.query], None),
        *(
          figures.Cell(self.key, keys[row], right)
          for row, right in zip(f.found, f.right, strict=True)
        ),
        figures.Cell(self.key, keys[f.answer], None),
      ]
      for f in found
    ]
    shown = max(len(f.found) for f in found)
    heads = ['found first', 'second', 'third'][:shown]
    figures.gallery(
      path,
      lines=lines,
      heads=[f'{self.query} asked', *heads, 'right answer'],
      title=f'What {self.query} finds among {self.key}',
    )

  def _values(self, batches, modality: str, wanted: set[int]) -> dict:
    """Row -> what can be drawn of it: an image, a waveform, or text."""
    values, start = {}, 0
    for batch in batches(self.view):
      array = rows.column(batch, modality)
      mask = np.asarray(batch['mask'][modality])
      for row in wanted & set(range(start, start + len(array))):
        value, real = array[row - start], mask[row - start]
        # An image has one mask for all of it; sequences have one a step.
        value = value[real] if real.ndim == 1 else value
        text = modality == 'text'
        values[row] = self.tokenizer.decode(value) if text else value
      start += len(array)
      if len(values) == len(wanted):
        break
    return values


def _examples(pools, count: int) -> list[Found]:
  """The first three finds of some queries, evenly spaced, not picked."""
  all_queries = sorted(
    (row, p, i)
    for p, (asked, _) in enumerate(pools)
    for i, row in enumerate(asked.row.tolist())
  )
  if not all_queries or count < 1:
    return []
  where = np.linspace(0, len(all_queries) - 1, min(count, len(all_queries)))
  examples = []
  for j in where.round().astype(int):
    row, p, i = all_queries[j]
    asked, there = pools[p]
    best = ranking.best(asked.x[i], there.x, count=3)
    right = there.match == asked.match[i]
    examples.append(
      Found(
        query=row,
        found=tuple(there.row[best].tolist()),
        right=tuple(right[best].tolist()),
        # Its own partner where it is there, else the first that is right.
        answer=int(there.row[max(
          np.flatnonzero(right), key=lambda n: there.row[n] == row
        )]),
      )
    )
  return examples
