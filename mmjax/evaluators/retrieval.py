"""How often the right item of another modality is among the first found."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np

from mmjax.data.tokenizers import ByteTokenizer
from mmjax.evaluators import gallery, intervals, ranking, rows
from mmjax.evaluators.ranking import Embedded
from mmjax.metrics import Evaluation
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retrieval:
  """Recall of items of modality `key` that a query of another one finds.

  Gives `recall_at_K`, between `recall_at_K_low` and `_high` (95 %, bootstrap),
  `chance_at_K`, `median_rank` and `mean_rank` under the prefix
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
  tokenizer: gallery.Decoder = ByteTokenizer()
  """Decodes token ids for the figure."""

  def __post_init__(self):
    """Checks the fields."""
    if self.query == self.key:
      raise InputError(f'query and key are both {self.query!r}')
    if min(self.k, default=0) < 1 or self.chunk < 1:
      raise InputError(f'k {self.k} and chunk {self.chunk} must be at least 1')
    if self.examples < 0:
      raise InputError(f'examples {self.examples} must not be negative')

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
      classes: names of the values of `match`, for the figure, where it is one
        of the targets.

    Returns:
      The numbers and the figure `{prefix}/gallery`; NaN and no figure when
      there is nothing to search.

    Raises:
      InputError: a key or a modality does not exist.
    """
    name = self.name or f'{self.query}_to_{self.key}'
    queries, keys = self._embedded(predict, batches)
    pools = []
    for value in np.unique(queries.pool):
      there = keys.take(keys.pool == value)
      there = there.distinct() if self.distinct else there
      asked = queries.take(queries.pool == value)
      pools.append((asked.take(np.isin(asked.match, there.match)), there))
    ranks = ranking.join(
      [
        ranking.rank(
          asked.x,
          there.x,
          query_match=asked.match,
          candidate_match=there.match,
          chunk=self.chunk,
        )
        for asked, there in pools
      ]
    )
    numbers = {}
    for k in self.k:
      numbers[f'{name}/recall_at_{k}'] = ranks.recall(k)
      numbers[f'{name}/chance_at_{k}'] = ranks.chance(k)
      low, high = intervals.of_mean(ranks.hits(k))
      numbers[f'{name}/recall_at_{k}_low'] = low
      numbers[f'{name}/recall_at_{k}_high'] = high
    numbers[f'{name}/median_rank'] = ranks.median()
    numbers[f'{name}/mean_rank'] = ranks.mean()
    examples = gallery.choose(pools, count=self.examples)
    draw = functools.partial(
      gallery.draw,
      batches=batches,
      view=self.view,
      query=self.query,
      key=self.key,
      examples=examples,
      tokenizer=self.tokenizer,
      names=classes.get(self.match, ()),
    )
    return Evaluation(numbers, {f'{name}/gallery': draw} if examples else {})

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
        new = Embedded(rows.host(x).astype(np.float32), match, pool, row)
        here = new.take(counted & rows.present(batch, modality))
        part.append(here._replace(x=ranking.clean(here.x)))
      start += size
    if not start:
      raise InputError(f'view {self.view!r} has no batches to search')
    queries, keys = (
      Embedded(*map(np.concatenate, zip(*part, strict=True)))
      for part in parts.values()
    )
    return queries, keys
