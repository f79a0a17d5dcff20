"""Watching: users follow their ideas, and nobody has seen what is new."""

from typing import Any

import numpy as np
import pytest

from mmjax.data import pipeline, splits
from mmjax.data.datasets import watching_items, watching_users
from mmjax.data.datasets.watching import Watching
from mmjax.data.datasets.watching_items import Catalogue
from mmjax.data.datasets.watching_users import LEAST, MOST, World
from mmjax.types import InputError
from tests.data.stamps_folder import make_folder

ITEMS = 600


@pytest.fixture(scope='module')
def data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('watching')
  return Watching(
    root=str(make_folder(folder / 'stamps')),
    cache=str(folder / 'cache'),
    categories=('animals', 'food'),
    languages=('fr', 'ca', 'el'),
    users={'train': 200, 'validation': 20, 'test': 40},
  )


@pytest.fixture(scope='module')
def world():
  """Items without pictures, names and voices: only what users look at."""
  rng = np.random.default_rng(0)
  columns: dict[str, Any] = dict.fromkeys(Catalogue._fields)
  columns |= {
    'names': [str(i) for i in range(ITEMS)],
    'language': rng.integers(3, size=ITEMS),
    'shelf': rng.integers(12, size=ITEMS),
    'color': rng.integers(-1, 6, size=ITEMS),
    'initial': rng.integers(10, size=ITEMS),
  }
  offered = rng.random(ITEMS) < 0.8
  popularity = watching_users.popularity(ITEMS, seed=0)
  return World(Catalogue(**columns), offered, popularity)


@pytest.fixture(scope='module')
def users(world):
  return [world.history(np.random.default_rng((1, i))) for i in range(400)]


def test_nothing_is_watched_twice_or_before_it_is_offered(world, users):
  lengths = {len(user.items) for user in users}
  assert (min(lengths), max(lengths)) == (LEAST, MOST)
  for user in users:
    assert len(set(user.items.tolist())) == len(user.items)
    assert world.offered[user.items].all()
  counts = np.bincount(
    np.concatenate([u.items for u in users]), minlength=ITEMS
  )
  popular = np.argsort(-world.popularity * world.offered)
  assert counts[popular[:40]].mean() > 3 * counts[popular[240:280]].mean()


def test_sessions_follow_their_ideas(world, users):
  items = world.items
  steps = np.concatenate(
    [np.stack([u.items[:-1], u.items[1:]], axis=1) for u in users]
  )
  one, two = steps[:, 0], steps[:, 1]
  assert (items.language[one] == items.language[two]).mean() > 0.6
  # Chance is a twelfth, a tenth and, of either direction, a sixth.
  assert (items.shelf[one] == items.shelf[two]).mean() > 0.25
  letter = (items.initial[two] - items.initial[one]) % 10
  assert (letter == 1).mean() > 2.5 * (letter == 2).mean()
  both = (items.color[one] >= 0) & (items.color[two] >= 0)
  turn = (items.color[two] - items.color[one])[both] % 6
  assert np.isin(turn, (1, 5)).mean() > 1.7 * np.isin(turn, (2, 4)).mean()


def test_who_is_told_the_idea_finds_most_and_not_all(users):
  told = np.array([user.told for user in users])
  assert 0.5 < (told < 10).mean() < 0.95


def test_a_language_that_is_watched_up_is_left():
  columns: dict[str, Any] = dict.fromkeys(Catalogue._fields)
  columns |= {'names': [''] * (MOST + 1), 'language': np.arange(MOST + 1) % 21}
  nothing = np.zeros(MOST + 1, int)
  columns |= {'shelf': nothing, 'color': nothing - 1, 'initial': nothing}
  small = World(
    Catalogue(**columns), nothing == 0, np.ones(MOST + 1) / (MOST + 1)
  )
  user = small.history(np.random.default_rng(0))
  assert len(user.items) >= LEAST
  with pytest.raises(InputError, match='20 items are on offer, a history has'):
    World(small.items, np.arange(21) > 0, small.popularity).history(
      np.random.default_rng(0)
    )


def test_rows_are_the_same_again_and_others_in_other_splits(data):
  def take(split):
    return next(iter(pipeline.eval_batches(data, split, batch_size=20)))

  one, again, other = take('test'), take('test'), take('validation')
  for name in ('item', 'image', 'text', 'audio', 'number', 'next'):
    np.testing.assert_array_equal(one[name], again[name])
  assert (one['item'] != other['item']).any()
  assert one['image'].shape == (20, 20, 32, 32, 3)
  assert one['audio'].shape == (20, 20, 8000)


def test_new_items_are_of_stamps_that_training_has_not(data):
  items = data.items()
  whose = {'train': {'train'}}
  whose |= {other: {'train', other} for other in ('validation', 'test')}
  for split, want in whose.items():
    for view in ('default', 'items'):
      found = np.concatenate([row['items'] for row in data.source(split, view)])
      assert {splits.split_of(items.names[i]) for i in found} == want
  asked = [row['next'] for row in data.source('test')]
  cold = [splits.split_of(items.names[i]) == 'test' for i in asked]
  assert 0.1 < np.mean(cold) < 0.6
  offered = [i for row in data.source('test', 'items') for i in row['items']]
  assert len(set(offered)) == len(offered)
  assert set(asked) <= set(offered)


def test_what_is_asked_is_not_shown(data):
  for row in data.source('test'):
    example = data.prepare(row, None)
    real = example['mask']['item']
    assert example['next'] not in example['item'][real]
    assert LEAST - 1 <= real.sum() < MOST
  row = data.source('train')[0]
  assert data.prepare(row, None)['next'] == -1
  assert row['items'][-1] == data.prepare(row, None)['item'].max(
    initial=-1, where=np.arange(MOST) == len(row['items']) - 1
  )


def test_masks_are_of_what_there_is(data):
  items, seen = data.items(), []
  for row in data.source('test', 'items'):
    example = data.prepare(row, None)
    index, mask = row['items'], example['mask']
    n = len(index)
    assert not any(m[n:].any() for m in mask.values())
    assert mask['image'][:n].all()
    np.testing.assert_array_equal(
      mask['text'][:n].any(axis=1), items.titled[index]
    )
    np.testing.assert_array_equal(mask['audio'][:n].sum(1), items.heard[index])
    assert not example['audio'][~mask['audio']].any()
    # A title or a voice there always is.
    assert (mask['text'][:n].any(1) | mask['audio'][:n].any(1)).all()
    new = [splits.split_of(items.names[i]) != 'train' for i in index]
    assert not mask['number'][:n, 0][new].any()
    seen += mask['number'][:n, 0][~np.array(new)].tolist()
  assert np.mean(seen) > 0.9
  assert not items.titled.all()
  assert not (items.heard > 0).all()


def test_popularity_is_counted_in_training(data):
  counts = np.zeros(len(data.items().names))
  for row in data.source('train'):
    counts[row['items']] += 1
  example = data.prepare(data.source('train')[3], None)
  real = example['mask']['item']
  want = np.log(counts[example['item'][real]] / counts.sum())
  np.testing.assert_allclose(example['log_popularity'][real], want, rtol=1e-5)


def test_training_hides_some_numbers(data):
  row = data.source('train')[0]
  known = [
    data.prepare(row, np.random.default_rng(i))['mask']['number']
    for i in range(50)
  ]
  whole = data.prepare(row, None)['mask']['number']
  assert not (np.stack(known) & ~whole[None]).any()
  share = np.mean([m[whole].mean() for m in known])
  assert 1 - share == pytest.approx(data.unknown_rate, abs=0.06)


def test_numbers_come_without_content(data):
  row = data.source('test', 'numbers')[5]
  short = data.prepare(row, None)
  whole = data.prepare(data.source('test')[5], None)
  assert set(short['mask']) == {'item'}
  for name in ('item', 'next', 'told', 'log_popularity'):
    np.testing.assert_array_equal(short[name], whole[name])


@pytest.mark.parametrize(
  ('title', 'letter'),
  [
    ('Una rana.', 'r'),
    ('Élan', 'e'),
    ('¡Ay!', 'a'),
    ('Les œufs', 'œ'),
    ('12', '?'),
  ],
)
def test_articles_and_accents_do_not_count(title, letter):
  assert watching_items.initial(title) == letter


def test_colours_are_those_of_the_pixels():
  def found(*rgb):
    picture = np.full((16, 16, 3), 255, np.uint8)
    picture[4:12] = rgb
    return watching_items.color(picture)

  names = watching_items.COLORS
  assert names[found(250, 10, 30)] == 'red'
  assert names[found(250, 130, 0)] == 'orange'
  assert names[found(40, 200, 40)] == 'green'
  assert names[found(20, 90, 240)] == 'blue'
  assert found(90, 90, 90) == -1


def test_bad_fields_are_refused():
  with pytest.raises(InputError, match=r'unknown_rate 1\.5 is not'):
    Watching(unknown_rate=1.5)
  with pytest.raises(InputError, match='users has none of test'):
    Watching(users={'train': 1, 'validation': 1})
  with pytest.raises(InputError, match='no view of watching'):
    Watching().source('test', 'item')
