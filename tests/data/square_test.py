"""Squares: where things are, what is asked, and what no two splits share."""

import re

import numpy as np
import pytest

from mmjax.data.datasets import square_questions as questions
from mmjax.data.datasets import square_world as world
from mmjax.data.datasets.commands import SPEAKERS
from mmjax.data.datasets.square import Square
from mmjax.data.transforms import ColorJitter, RandomSpeed
from mmjax.types import InputError
from tests.data.stamps_folder import make_stamp

SPLITS = ('train', 'validation', 'test')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('squares')
  for number in range(160):
    category = tuple(questions.NOUNS)[number % 4]
    make_stamp(folder / 'stamps', f'{category}/{number}', number)
  found = Square(
    root=str(folder / 'stamps'),
    cache=str(folder / 'cache'),
    image_size=64,
    speakers={split: SPEAKERS[split][:1] for split in SPLITS},
    examples={'train': 12, 'validation': 12, 'test': 120},
    augment=(ColorJitter(hue=0.5),),
    augment_sound=(RandomSpeed(factors=(0.7, 0.8)),),
  )
  try:
    found.check()
  except InputError as error:
    pytest.skip(str(error))
  return found


@pytest.fixture(scope='module')
def test(data):
  return [data.prepare(row, None) for row in data.source('test')]


def test_places_of_the_world_by_hand():
  # To the north: what is ahead is north, what is left is west.
  pose = world.Pose(np.array([1.0, 2.0]), np.pi / 2)
  places = np.array([[3.0, 0.0], [0.0, 1.0]])
  found = world.to_world(places, pose)
  np.testing.assert_allclose(found, [[1.0, 5.0], [0.0, 2.0]], atol=1e-12)


def test_the_ground_is_seen_where_it_is(rng):
  for ahead, left in rng.uniform([2.0, -2.0], [7.0, 2.0], (20, 2)):
    column = 0.5 - world.FOCAL * left / ahead
    row = world.HORIZON + world.FOCAL * world.EYE / ahead
    found = world.to_ground(np.array([column, row]))
    np.testing.assert_allclose(found, [ahead, left])


def test_answers_by_hand():
  categories = ['food', 'animals', 'food']
  places = np.array([[3.0, 1.0], [5.0, 0.0], [6.0, -2.0]])
  east_north = np.array([[9.0, 0.0], [1.0, 1.0], [-4.0, 5.0]])

  def answer(meaning):
    return questions.answer(meaning, categories, places, east_north)

  found = {meaning: answer(meaning) for meaning in questions.MEANINGS}
  assert found == {
    'animals': 1, 'food': None, 'symbols': -1, 'vehicles': -1,
    'nearest': 0, 'farthest': 2, 'left': 0, 'right': 2,
    'east': 0, 'north': 2, 'west': 2, 'south': 0, 'fountain': 1,
  }  # fmt: skip
  # What could be mistaken is not asked.
  places[1] = 3.1, 1.0
  assert answer('nearest') is None


def test_splits_share_no_phrasing_and_tests_have_no_new_word():
  words = {split: set() for split in SPLITS}
  for meaning in questions.MEANINGS:
    texts = {
      split: {t for ways in questions.phrasings(meaning, split) for t in ways}
      for split in SPLITS
    }
    assert len(set.union(*texts.values())) == sum(map(len, texts.values()))
    for split in SPLITS:
      words[split] |= {*re.findall(r'\w+', ' '.join(texts[split]).lower())}
  assert words['validation'] | words['test'] <= words['train']
  assert words['train'] == {*questions.WORDS}


def test_arrays_are_as_said(data, test):
  for one in test:
    assert one['image'].shape == (64, 64, 3)
    assert one['position'].shape == (5, 4)
    assert one['audio'].shape == (41_600,)
    real = one['things'] >= 0
    assert 2 <= real.sum() <= 5
    assert not real[real.sum() :].any()
    assert not one['boxes'][~real].any()
    assert -1 <= one['answer'] < real.sum()
    boxes = one['boxes'][real]
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert one['audio'][one['mask']['audio']].std() > 0.01
  assert {int(one['asked']) for one in test} == {*range(13)}
  assert 0 < np.mean([one['answer'] < 0 for one in test]) < 0.2


def test_the_answer_follows_from_picture_position_and_words(data, test):
  """What the arrays say, without what they were made of, gives the answer."""
  same, away = 0, []
  for one in test:
    words = data.words.decode(one['text'][one['mask']['text']])
    meaning = questions.MEANINGS[one['asked']]
    name = questions.NOUNS.get(meaning)
    orders = questions.ORDERS.get(meaning, ())
    assert name in words if name else any(order in words for order in orders)
    real = one['things'] >= 0
    boxes, kinds = one['boxes'][real], one['things'][real]
    feet = np.stack([boxes[:, [0, 2]].mean(1), boxes[:, 3]], axis=1)
    near = world.to_ground(feet)
    east, north, sine, cosine = one['position'].mean(axis=0)
    pose = world.Pose(np.array([east, north]), float(np.arctan2(sine, cosine)))
    places = world.to_world(near, pose)
    away += [*np.linalg.norm(places - one['places'][real], axis=1)]
    if name:
      there = np.flatnonzero(kinds == tuple(questions.NOUNS).index(meaning))
      found = int(there[0]) if len(there) else -1
    else:
      found = int(questions.rank(meaning, near, places).argmax())
    same += found == one['answer']
  # Some are hidden in part, and positions are measured.
  assert np.median(away) < 0.6
  assert same > 0.8 * len(test)


def test_a_square_is_a_function_of_its_row(data, test):
  again = [data.prepare(row, None) for row in data.source('test')[:5]]
  for one, other in zip(test, again, strict=False):
    for key in ('image', 'position', 'audio', 'places', 'answer'):
      np.testing.assert_array_equal(one[key], other[key])
  assert len({one['image'].tobytes() for one in test}) == len(test)
  other = data.prepare(data.source('validation')[0], None)
  assert (other['image'] != test[0]['image']).any()


def test_training_never_sees_a_square_twice(data):
  row = data.source('train')[3]
  one, two, again = (
    data.prepare(row, np.random.default_rng(i)) for i in (1, 2, 1)
  )
  for key in ('image', 'audio', 'position'):
    np.testing.assert_array_equal(one[key], again[key])
    assert (one[key] != two[key]).any()


def test_voices_are_changed_in_training_alone(data):
  def longest(rng):
    rows = data.source('train')
    return np.mean([data.prepare(r, rng)['mask']['audio'].sum() for r in rows])

  assert longest(np.random.default_rng(0)) > 1.1 * longest(None)


def test_fields_out_of_range():
  for given in (
    {'image_size': 8}, {'audio_seconds': 0.0}, {'noise': (3.0, 1.0)},
  ):  # fmt: skip
    with pytest.raises(InputError, match=next(iter(given))):
      Square(**given)


def test_a_category_without_stamps(tmp_path, data):
  for number, category in enumerate(['animals', 'food', 'symbols'] * 20):
    make_stamp(tmp_path, f'{category}/{number}', number)
  other = Square(root=str(tmp_path), cache=data.cache)
  with pytest.raises(InputError, match="no stamp of 'vehicles' falls"):
    other.source('train')
