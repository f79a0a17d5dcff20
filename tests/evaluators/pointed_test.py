"""Answers by hand; rules on plain pictures; a model that knows all."""

import numpy as np
import pytest

from mmjax.data.datasets import square_questions as questions
from mmjax.data.datasets import square_world as world
from mmjax.data.known_words import KnownWords
from mmjax.evaluators import pointing_rules as rules
from mmjax.evaluators.pointing import Pointing
from mmjax.evaluators.pointing_scores import Answers, score

WORDS = KnownWords(words=questions.WORDS, length=8)
SIZE = 64
COLORS = ((250, 20, 20), (20, 250, 20), (20, 20, 250), (250, 250, 20))
BOX = (0.2, 0.2, 0.6, 0.6)


def answers(*rows):
  category, boxes, places = zip(*rows, strict=True)
  return Answers(np.array(category), np.array(boxes), np.array(places, float))


def test_scores_by_hand():
  none = (-1, (0.0,) * 4, (0, 0))
  true = answers(
    (0, BOX, (1, 1)), (1, BOX, (1, 1)), (1, BOX, (1, 1)), (2, BOX, (1, 1)),
    none, none,
  )  # fmt: skip
  near, far = (0.2, 0.2, 0.6, 0.5), (0.5, 0.5, 0.9, 0.9)
  said = answers(
    (0, near, (1, 1.5)),  # three quarters of the box
    (0, BOX, (4, 5)),  # another category
    (1, far, (1, 1)),  # elsewhere: 1 of 31 parts is common
    none,
    none,
    (3, BOX, (0, 0)),
  )
  found = score(said, true)
  assert found == pytest.approx({
    'right': 2 / 6, 'category': 3 / 6, 'box': 2 / 4,
    'iou': (0.75 + 1 + 1 / 31 + 0) / 4, 'metre': 2 / 4,
    'place_error': (0.5 + 5) / 2,
  })  # fmt: skip


def test_blobs_are_what_differs_from_its_row():
  image = np.zeros((SIZE, SIZE, 3), np.uint8)
  image[:20], image[20:] = 230, 90
  image[30:40, 10:20] = COLORS[0]
  image[10:50, 45:60] = COLORS[1]
  image[5, 5] = 0
  found = rules.boxes_of(image) * SIZE
  np.testing.assert_allclose(found, [[45, 10, 60, 50], [10, 30, 20, 40]])
  assert rules.boxes_of(image[:5]).shape == (0, 4)


def square(rng, meaning):
  """A picture of blocks on a plain ground, each of its category's colour."""
  image = np.full((SIZE, SIZE, 3), 128, np.uint8)
  kinds = rng.permutation(4)[:3]
  places, boxes = np.zeros((5, 2)), np.zeros((5, 4))
  pose = world.draw_pose(rng)
  for i, kind in enumerate(kinds):
    left, bottom = (2, 22, 42)[i], int(rng.permutation([36, 44, 52])[i])
    image[bottom - 12 : bottom, left : left + 8] = COLORS[kind]
    boxes[i] = np.array([left, bottom - 12, left + 8, bottom]) / SIZE
    foot = np.array([(left + 4) / SIZE, bottom / SIZE])
    places[i] = world.to_ground(foot)
  east_north = world.to_world(places, pose)
  names = [tuple(questions.NOUNS)[k] for k in kinds]
  answer = questions.answer(
    questions.MEANINGS[meaning], names, places[:3], east_north[:3]
  )
  reading = [*pose.place, np.sin(pose.heading), np.cos(pose.heading)]
  text = questions.phrasings(questions.MEANINGS[meaning], 'train')[0][0]
  ids, ids_mask = WORDS(text)
  # Each question is a tone of its own.
  sound = np.sin(np.arange(8000) * 0.1 * (meaning + 1)).astype(np.float32)
  return {
    'image': image,
    'position': np.array([reading] * 2, np.float32),
    'audio': sound,
    'text': ids,
    'mask': {
      'image': np.True_, 'position': np.ones(2, bool),
      'audio': np.ones(8000, bool), 'text': ids_mask,
    },
    'things': np.array([*kinds, -1, -1]),
    'boxes': boxes,
    'places': east_north,
    'answer': answer,
    'asked': meaning,
    'weight': 1.0,
  }  # fmt: skip


def stack(examples):
  if isinstance(examples[0], dict):
    return {k: stack([e[k] for e in examples]) for k in examples[0]}
  return np.array(examples)


def batch_of(seed, count=26):
  rng, found = np.random.default_rng(seed), []
  while len(found) < count:
    one = square(rng, len(found) % 13)
    if one['answer'] is not None:
      found.append(one)
  found[-1]['weight'] = 0.0
  return stack(found)


def perfect(batch):
  """Token i says thing i; without a modality the answer is nothing."""
  b = len(batch['answer'])
  which, things = np.zeros((b, 6)), np.zeros((b, 5, 4))
  all_here = [m.reshape(b, -1).any(axis=1) for m in batch['mask'].values()]
  whole = np.logical_and.reduce(all_here) & (batch['answer'] >= 0)
  which[np.arange(b), np.where(whole, batch['answer'], 5)] = 1
  np.put_along_axis(
    things, np.maximum(batch['things'], 0)[..., None], 1.0, axis=2
  )
  heads = {'which': which, 'things': things}
  return {'logits': {**heads, **{k: batch[k] for k in ('boxes', 'places')}}}


def test_a_model_that_knows_all_beside_rules(tmp_path):
  sets = {'train': batch_of(0, 39), None: batch_of(1)}
  found = Pointing(tokenizer=WORDS, shown=5)(
    perfect,
    lambda view, split=None: [sets[split]],
    {'things': tuple(questions.NOUNS)},
  )
  numbers = {k.removeprefix('pointing/'): x for k, x in found.numbers.items()}
  real = sets[None]['weight'] > 0
  nothing = float((sets[None]['answer'][real] < 0).mean())
  for key in ('right', 'category', 'box', 'iou', 'metre', 'compass_right'):
    assert numbers[key] == 1
  assert numbers['place_error'] == 0
  for name in ('image', 'position', 'audio'):
    assert numbers[f'without_{name}_right'] == pytest.approx(nothing)
    assert numbers[f'without_{name}_box'] == 0
  # On plain pictures, and told what is asked, rules are hardly ever wrong.
  assert numbers['rules_asked'] == 1
  assert numbers['told_right'] == numbers['rules_right'] > 0.9
  assert numbers['told_place_error'] < 0.05
  assert numbers['largest_right'] < 0.5
  table = found.tables['pointing_answers']
  assert len(table) == real.sum()
  assert all(line['true'] == line['said'] for line in table)
  found.figures['pointing'](tmp_path / 'a.png')
  assert (tmp_path / 'a.png').stat().st_size > 10_000
