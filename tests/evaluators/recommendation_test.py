"""Recommendations: ranks by hand, and counts against loops."""

import functools

import numpy as np
import pytest

from mmjax.evaluators import next_items
from mmjax.evaluators.ranking import Ranks
from mmjax.evaluators.recommendation import Recommendation, ndcg, ranked

ITEMS, LENGTH = 12, 4
# Users 0 to 2 of training, and what two others have seen; 11 is new.
KNOWN = [np.array([0, 1, 2]), np.array([1, 2, 3, 4]), np.array([5, 1])]
ASKED = [np.array([3, 1]), np.array([0])]
NEXT = [2, 11]


def batch(rows, *, nexts, content):
  """Rows of numbers as the views of Watching give them."""
  rng = np.random.default_rng(0)
  pictures = rng.integers(255, size=(ITEMS, 16, 16, 3)).astype(np.uint8)
  text = rng.integers(101, 127, size=(ITEMS, 6))
  sounds = rng.normal(size=(ITEMS, 900)).astype(np.float32)
  count = len(rows)
  item = np.full((count, LENGTH), -1)
  for row, one in zip(item, rows, strict=True):
    row[: len(one)] = one
  real = item >= 0
  found = {
    'item': item, 'next': np.array(nexts), 'told': np.array([0, 12])[:count],
    'weight': np.ones(count), 'mask': {'item': real},
  }  # fmt: skip
  if content:
    wide = real[..., None]
    found |= {
      'image': np.where(wide[..., None, None], pictures[item], 0),
      'text': np.where(wide, text[item], 0),
      'audio': np.where(wide, sounds[item], 0),
    }
    found['mask'] |= {
      'image': real,
      'text': np.broadcast_to(wide, (*item.shape, 6)) & (item != 4)[..., None],
      'audio': np.broadcast_to(wide, (*item.shape, 900)),
    }
  return found


def batches(view, split='test'):
  content = view != 'numbers'
  if view == 'items':
    rows = [np.arange(i, i + 4) for i in (0, 4, 8)]
    both = [r[r != 7] for r in rows]  # 7 is not on offer
    for i in range(3):
      yield batch(both[i : i + 1], nexts=[-1], content=True)
  elif split == 'train':
    for one in KNOWN:
      yield batch([one], nexts=[-1], content=content)
  else:
    two = batch(ASKED, nexts=NEXT, content=content)
    filled = {**two, 'weight': np.array([1.0, 0.0])}
    yield filled
    yield {**two, 'weight': np.array([0.0, 1.0])}


def predict(one, *, wants):
  """Users want certain items, in this order; less if they see no pictures."""
  users = np.zeros((*one['item'].shape, ITEMS))
  worth = np.linspace(1, 0.5, ITEMS)
  for row in range(len(users)):
    places = one['mask']['item'][row].nonzero()[0]
    if len(places) and row < 2:
      users[row, places[-1], wants[row]] = worth[: len(wants[row])]
  seen = one['mask']['image'][..., None]
  items = np.eye(ITEMS)[one['item']] * one['mask']['item'][..., None]
  return {'embeddings': {'user': users * seen, 'item': items}}


@pytest.fixture(scope='module')
def found():
  # 3 and 1 are watched, 7 is not on offer: 2 is the second that counts.
  wants = [np.array([3, 7, 6, 1, 2, 0, 8]), np.array([9, 5, 4, 11])]
  return Recommendation(k=3, given={'less': ('text',)}, examples=2)(
    functools.partial(predict, wants=wants), batches, {}
  )


def test_ranks_are_among_what_is_offered_and_not_seen(found):
  numbers = {k.removeprefix('next/'): x for k, x in found.numbers.items()}
  # The second of the first user, the fourth of the other.
  assert numbers['recall_at_3'] == pytest.approx(0.5)
  assert numbers['ndcg_at_3'] == pytest.approx(0.5 / np.log2(3))
  assert (numbers['warm_count'], numbers['cold_count']) == (1, 1)
  assert numbers['warm_recall_at_3'] == 1
  assert numbers['cold_recall_at_3'] == 0
  # Nobody sees anything: all are tied, 9 for one and 10 for the other.
  assert numbers['less_recall_at_3'] == pytest.approx((3 / 9 + 3 / 10) / 2)
  assert numbers['chance_at_3'] == pytest.approx((3 / 9 + 3 / 10) / 2)
  assert numbers['told_recall_at_3'] == 0.5
  assert numbers['told_ndcg_at_3'] == 0.5
  # 2 is the most popular that is left; 11 is never watched, one of 5 such.
  assert numbers['warm_popularity_recall_at_3'] == 1
  assert numbers['warm_popularity_ndcg_at_3'] == 1
  assert numbers['cold_popularity_recall_at_3'] == 0
  assert numbers['warm_rules_recall_at_3'] == 1
  # With one item or with all of them: it wants the same.
  assert numbers['last_recall_at_3'] == numbers['recall_at_3']


def test_a_figure_is_drawn(found, tmp_path):
  found.figures['next'](tmp_path / 'next.png')
  assert (tmp_path / 'next.png').stat().st_size > 15_000


def test_ties_count_as_if_in_random_order():
  ranks = Ranks(*(np.array(x) for x in ([1], [4], [1], [9], [1])))
  gains = [1 / np.log2(1 + place) for place in (2, 3, 4, 5)]
  assert ndcg(ranks, 10) == pytest.approx(np.mean(gains))
  assert ndcg(ranks, 3) == pytest.approx(sum(gains[:2]) / 4)
  scores = np.array([[5.0, 2.0, 2.0, 7.0, 2.0, 9.0]])
  allowed = np.array([[True, True, True, True, True, False]])
  found = ranked(scores, np.array([1]), allowed)
  assert (found.above[0], found.tied[0], found.candidates[0]) == (2, 3, 5)


def test_cooccurrence_is_the_cosine_of_counts():
  found = next_items.cooccurrence(KNOWN, ASKED, items=ITEMS)
  table = np.zeros((3, ITEMS))
  for row, one in zip(table, KNOWN, strict=True):
    row[one] = 1

  def cosine(i, j):
    a, b = table[:, i], table[:, j]
    return a @ b / np.sqrt(max(a @ a, 1e-9) * max(b @ b, 1e-9))

  for j in range(ITEMS):
    # Of the first user 1 was last; nothing is like itself.
    want = 0.8 * (j != 3) * cosine(3, j) + (j != 1) * cosine(1, j)
    assert found[0, j] == pytest.approx(want, abs=1e-9)


def test_rules_are_counts_of_pairs_by_their_distance():
  found = next_items.rules(KNOWN, ASKED, items=ITEMS)
  share = np.bincount(np.concatenate(KNOWN), minlength=ITEMS) / 9
  one, three = np.zeros(ITEMS), np.zeros(ITEMS)
  # Behind 1 came 2 at once, twice, then 3 and, two items on, 4.
  one[[2, 3, 4]] = 2, 0.5, 0.25
  three[4] = 1
  want = (one + 10 * share) / 12.75 + 0.2 * (three + 10 * share) / 11
  np.testing.assert_allclose(found[0], want)


def test_content_is_near_where_it_is_equal():
  rng = np.random.default_rng(1)
  columns = {
    'image': rng.integers(255, size=(5, 32, 32, 3)).astype(np.uint8),
    'text': rng.integers(5, 90, size=(5, 6)),
    'text_mask': np.ones((5, 6), bool),
    'audio': rng.normal(size=(5, 2000)).astype(np.float32),
    'audio_mask': np.ones((5, 2000), bool),
  }
  for name in ('image', 'text', 'audio'):
    columns[name][3] = columns[name][1]
  columns['text_mask'][4] = columns['audio_mask'][4] = False
  found = next_items.content_similarity(columns)
  np.testing.assert_allclose(found, found.T, atol=1e-6)
  assert found[1, 3] == pytest.approx(3, abs=1e-5)
  assert found[4, 4] == pytest.approx(1, abs=1e-5)
  assert np.argsort(-next_items.nearest([np.array([0, 1])], found)[0])[1] in (
    1,
    3,
  )
  assert found[1, 3] > found[1, [0, 2, 4]].max() + 1
