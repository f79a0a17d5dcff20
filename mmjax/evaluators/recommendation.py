"""How often the next item is among the first that are recommended."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mmjax.data.tokenizers import ByteTokenizer
from mmjax.evaluators import intervals, next_items, rows, shelf
from mmjax.evaluators.gallery import Decoder
from mmjax.evaluators.ranking import Ranks
from mmjax.metrics import Evaluation

_Columns = dict[str, Any]
_TIE = 1e-9  # scores that differ by less are equal, whatever rounding did


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recommendation:
  """Recall and NDCG of the next item among all that are on offer.

  There is one right answer to each history, so that recall at K is how often it
  is among the first K, and NDCG at K the mean of `1 / log2(1 + rank)`, 0 below
  K (https://doi.org/10.1145/582415.582418). Items that the user has seen are
  not recommended; ties count as if in random order. The views `default`,
  `items` and `numbers` are those of `mmjax/data/datasets/watching.py`.

  Gives `{name}/recall_at_{k}`, between `_low` and `_high` (95 %, bootstrap),
  and `ndcg_at_{k}`; of the same histories with `popularity_`, `cooccurrence_`,
  `rules_` and `nearest_` in front those of `next_items.py`, counted on
  the training split; `{given}_` those of the model that sees less, and `last_`
  of the model that sees the last item alone; `told_` what is possible who is
  told the idea of the session. With `warm_` or `cold_` before all that: where
  the next item was watched in training, or never. `chance_at_{k}` is that of a
  random order.
  """

  given: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
  """Prefix -> the modalities of an item that the model gets to see there."""
  k: int = 10
  """Length of the list of recommendations."""
  name: str = 'next'
  """Prefix of the numbers."""
  examples: int = 6
  """Histories shown in the figure."""
  tokenizer: Decoder = ByteTokenizer()
  """Decodes token ids for the figure."""

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split.

    Args:
      predict: the forward pass; its embeddings are `user` and `item`.
      batches: `(view, split)` -> evaluation batches.
      classes: not looked at.

    Returns:
      The numbers, and a figure of some histories.

    Raises:
      InputError: a key, view or modality does not exist.
    """
    del classes
    known = _histories(batches('numbers', 'train'))['items']
    asked = _histories(batches('numbers'))
    items = _catalogue(batches('items'))
    count = 1 + int(max(one.max() for one in (items['item'], *known)))
    offered = np.isin(np.arange(count), items['item'])
    content = {
      name: _spread(items[name], items['item'], count)
      for name in ('image', 'text', 'text_mask', 'audio', 'audio_mask')
    }
    scores = {'': self._scores(predict, batches, count)}
    scores['last_'] = self._scores(predict, batches, count, last=True)
    for name, kept in self.given.items():
      scores[f'{name}_'] = self._scores(predict, batches, count, kept)
    history, target = asked['items'], asked['next']
    for name, score in next_items.COUNTED.items():
      scores[f'{name}_'] = score(known, history, items=count)
    similar = next_items.content_similarity(content)
    scores['nearest_'] = next_items.nearest(history, similar)
    allowed = _allowed(history, offered)
    ranks = {
      name: ranked(score, target, allowed) for name, score in scores.items()
    }
    ranks['told_'] = _first(asked['told'], ranks[''].candidates)
    seen = np.bincount(np.concatenate(known), minlength=count)[target] > 0
    numbers = {}
    for prefix, which in (('', seen | True), ('warm_', seen), ('cold_', ~seen)):
      numbers |= self._numbers(prefix, ranks, which)
    draw = functools.partial(
      self._draw,
      scores=np.where(allowed, scores[''], -np.inf),
      asked=asked,
      content=content,
    )
    return Evaluation(
      {f'{self.name}/{key}': x for key, x in numbers.items()},
      {self.name: draw},
    )

  def _numbers(
    self, prefix: str, ranks: Mapping[str, Ranks], which: Bool[np.ndarray, ' u']
  ) -> dict[str, float]:
    k, numbers = self.k, {f'{prefix}count': float(which.sum())}
    for name, all_ranks in ranks.items():
      one = Ranks(*(column[which] for column in all_ranks))
      numbers[f'{prefix}{name}recall_at_{k}'] = one.recall(k)
      numbers[f'{prefix}{name}ndcg_at_{k}'] = ndcg(one, k)
    hits = Ranks(*(column[which] for column in ranks[''])).hits(k)
    low, high = intervals.of_mean(hits)
    numbers[f'{prefix}recall_at_{k}_low'] = low
    numbers[f'{prefix}recall_at_{k}_high'] = high
    if not prefix:
      numbers[f'chance_at_{k}'] = ranks[''].chance(k)
    return numbers

  def _scores(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    count: int,
    kept: tuple[str, ...] = (),
    *,
    last: bool = False,
  ) -> Float[np.ndarray, 'user item']:
    """Scalar products of users and items, zero for items not on offer."""

    def embeddings(batch: Any, name: str) -> np.ndarray:
      less = rows.only(batch, ('item', *kept) if kept else ())
      found = predict(less)['embeddings']
      return rows.host(rows.pick(found, name, what='embedding'))

    users, numbers, items = [], [], []
    for batch in batches('items'):
      real = rows.column(batch['mask'], 'item')
      numbers.append(rows.column(batch, 'item')[real])
      items.append(embeddings(batch, 'item')[real])
    for batch in batches('default'):
      real = rows.column(batch['mask'], 'item')
      end = np.maximum(real.sum(axis=1) - 1, 0)
      if last:
        alone = real & (np.arange(real.shape[1])[None] == end[:, None])
        batch = {**batch, 'mask': {**batch['mask'], 'item': alone}}
      found = embeddings(batch, 'user')
      users.append(found[np.arange(len(end)), end][rows.real(batch)])
    table = _spread(np.concatenate(items), np.concatenate(numbers), count)
    return np.concatenate(users).astype(float) @ table.T.astype(float)

  def _draw(self, path, *, scores, asked, content) -> None:
    shown = np.linspace(0, len(scores) - 1, self.examples).astype(int)
    lines = [
      shelf.Line(
        history=asked['items'][i],
        found=np.argsort(-scores[i], kind='stable')[: self.k],
        target=int(asked['next'][i]),
      )
      for i in shown
    ]
    titles = [
      self.tokenizer.decode(text[real]) if real.any() else '(untitled)'
      for text, real in zip(content['text'], content['text_mask'], strict=True)
    ]
    shelf.draw(path, lines, images=content['image'], titles=titles)


def ranked(
  scores: Float[np.ndarray, 'u n'],
  target: Int[np.ndarray, ' u'],
  allowed: Bool[np.ndarray, 'u n'],
) -> Ranks:
  """Where the target of each row stands among the columns that are allowed."""
  own = np.take_along_axis(scores, target[:, None], axis=1)
  tied = (np.abs(scores - own) <= _TIE) & allowed
  return Ranks(
    above=((scores > own + _TIE) & allowed).sum(axis=1),
    tied=tied.sum(axis=1),
    tied_relevant=np.ones(len(scores), int),
    candidates=allowed.sum(axis=1),
    relevant=np.ones(len(scores), int),
  )


def ndcg(ranks: Ranks, k: int) -> float:
  """Expected NDCG at k of one relevant item among those tied with it."""
  if not ranks.above.size:
    return float('nan')
  place = np.arange(k)
  gain = 1 / np.log2(place + 2)
  # The target is at each of the tied places with the same probability.
  among = (place >= ranks.above[:, None]) & (
    place < (ranks.above + ranks.tied)[:, None]
  )
  return float(((among * gain).sum(axis=1) / ranks.tied).mean())


def _first(above: Int[np.ndarray, ' u'], candidates: np.ndarray) -> Ranks:
  """Ranks of which it is known how many are above."""
  one = np.ones(len(above), int)
  return Ranks(above, one, one, candidates, one)


def _allowed(history: Sequence[np.ndarray], offered: np.ndarray) -> np.ndarray:
  allowed = np.tile(offered, (len(history), 1))
  for row, one in zip(allowed, history, strict=True):
    row[one] = False
  return allowed


def _histories(batches: Any) -> _Columns:
  """Numbers of what each user has watched, and what is asked."""
  items, others = [], {'next': [], 'told': []}
  for batch in batches:
    counted = rows.real(batch)
    number = rows.column(batch, 'item')
    real = rows.column(batch['mask'], 'item')
    items += [number[i][real[i]] for i in np.flatnonzero(counted)]
    for name, parts in others.items():
      parts.append(rows.column(batch, name)[counted])
  found = {name: np.concatenate(parts) for name, parts in others.items()}
  return {'items': items, **found}


def _catalogue(batches: Any) -> _Columns:
  """The arrays of all items that are on offer, one after the other."""
  parts: dict[str, list[np.ndarray]] = {}
  for batch in batches:
    real = rows.column(batch['mask'], 'item')
    names = ('item', 'image', 'text', 'audio')
    found = {name: rows.column(batch, name) for name in names}
    for name in ('text', 'audio'):
      found[f'{name}_mask'] = rows.column(batch['mask'], name)
    for name, x in found.items():
      parts.setdefault(name, []).append(x[real])
  return {name: np.concatenate(part) for name, part in parts.items()}


def _spread(x: np.ndarray, where: np.ndarray, count: int) -> np.ndarray:
  """Rows at the places given, zeros between them."""
  found = np.zeros((count, *x.shape[1:]), x.dtype)
  found[where] = x
  return found
