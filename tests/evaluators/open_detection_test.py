"""Phrases that were heard and new ones, by hand; and what blobs are called."""

import numpy as np
import pytest

from mmjax.evaluators.average_precision import (
  Boxes,
  ap50_by_class,
  average_precision,
)
from mmjax.evaluators.open_detection import OpenDetection, named
from mmjax.evaluators.phrase_baselines import Namer

pytest.importorskip('pycocotools')
NAMES = ('red bar', 'red box', 'blue bar', 'blue box')
COLORS = {'red': (220, 30, 20), 'blue': (20, 40, 230)}
SIZES = {'bar': (36, 12), 'box': (24, 24)}


def draw(*things):
  """A grey picture with things at (left, top), and what is in it."""
  image = np.full((100, 100, 3), 128, np.uint8)
  corners, classes = [], []
  for name, left, top in things:
    color, kind = name.split()
    w, h = SIZES[kind]
    image[top : top + h, left : left + w] = COLORS[color]
    corners.append((left, top, left + w, top + h))
    classes.append(NAMES.index(name))
  found = np.array(corners, float), np.array(classes)
  return image, Boxes(*found, np.ones(len(classes)))


TRAIN = [
  draw((name, x, y), (name, x + 30, 70))
  for name in ('red bar', 'red box', 'blue bar')
  for x, y in ((5, 6), (20, 30), (30, 11))
]
SCENES = [
  draw(('red bar', 10, 10), ('blue box', 50, 60)),
  draw(('blue box', 20, 30)),
]


def batch(scenes, *, order=(0, 1, 2, 3), padding=0):
  """As the data set gives it; the phrases stand in that order."""
  phrases = [*order] + [-1] * padding
  things = np.full((len(scenes) + 1, 3), -1)
  boxes = np.zeros((len(scenes) + 1, 3, 4), np.float32)
  for i, (_, truth) in enumerate(scenes):
    things[i, : len(truth.classes)] = [order.index(c) for c in truth.classes]
    boxes[i, : len(truth.classes)] = truth.corners / 100
  # The last row only fills the batch.
  images = [image for image, _ in scenes] + [scenes[0][0]]
  things[-1], boxes[-1] = 0, (0, 0, 1, 1)
  return {
    'image': np.stack(images),
    'phrases': np.tile(phrases, (len(images), 1)),
    'things': things,
    'boxes': boxes,
    'mask': {'image': np.ones(len(images), bool)},
    'weight': np.array([1.0] * len(scenes) + [0.0], np.float32),
  }


def heads(order, padding, *, confused=False):
  """What is there, said in that order; or blue boxes said to be red bars."""
  logits = np.full((3, 3, len(order) + padding), -9.0)
  logits[..., len(order) :] = -1e9
  boxes = np.zeros((3, 3, 4))
  boxes[..., 2:] = 0.02
  for i, (_, truth) in enumerate(SCENES):
    for j, (box, label) in enumerate(
      zip(truth.corners, truth.classes, strict=True)
    ):
      label = 0 if confused else int(label)
      logits[i, j, order.index(label)] = 5
      boxes[i, j] = box / 100
  return {'logits': {'things': logits, 'boxes': boxes}}


def evaluate(order=(0, 1, 2, 3), padding=0, **given):
  found = {None: [batch(SCENES, order=order, padding=padding)]}
  found['train'] = [batch(TRAIN)]
  return OpenDetection(heard=NAMES[:3])(
    lambda _: heads(order, padding, **given),
    lambda view, split=None: found[split],
    {'phrases': NAMES},
  )


def test_what_is_right_in_any_order_and_beside_padding(tmp_path, capsys):
  want = evaluate()
  assert want.numbers['phrases/novel_ap50'] == pytest.approx(1)
  assert want.numbers['phrases/heard_ap50'] == pytest.approx(1)
  assert want.numbers['phrases/any_ap50'] == pytest.approx(1)
  assert want.numbers['phrases/novel_named'] == 1
  assert want.numbers['phrases/heard_named'] == 1
  other = evaluate((2, 0, 3, 1), 2)
  for key in ('novel', 'heard', 'any'):
    name = f'phrases/{key}_ap50'
    assert other.numbers[name] == pytest.approx(want.numbers[name])
  assert not capsys.readouterr().out
  want.figures['phrases_pictures'](tmp_path / 'a.png')
  assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')


def test_new_phrases_that_are_taken_for_others():
  found = evaluate(confused=True).numbers
  assert found['phrases/novel_ap50'] == 0
  assert found['phrases/novel_named'] == 0
  assert found['phrases/heard_named'] == 1
  # Of three that are said to be red bars one is, and all are as sure.
  assert 1 / 3 <= found['phrases/heard_ap50'] <= 1
  assert found['phrases/any_ap50'] == pytest.approx(1)


def test_the_wrong_phrases_are_worth_nothing():
  numbers = evaluate().numbers
  both = (
    numbers['phrases/shuffled_novel_ap50']
    + numbers['phrases/shuffled_heard_ap50']
  )
  assert both < 1


def test_blobs_are_named_by_colour_and_kind():
  numbers = evaluate().numbers
  # No blue box was ever seen, but blue and boxes were.
  assert numbers['phrases/forest_novel_ap50'] == pytest.approx(1)
  assert numbers['phrases/forest_heard_ap50'] == pytest.approx(1)
  assert numbers['phrases/blobs_any_ap50'] == pytest.approx(1)
  # Bars are the commonest.
  assert numbers['phrases/blobs_novel_ap50'] == 0
  assert numbers['phrases/blobs_heard_ap50'] == pytest.approx(1)


def test_names_of_boxes():
  images, things = zip(*TRAIN, strict=True)
  namer = Namer(images, things, names=NAMES, differs=60.0)
  image, truth = SCENES[0]
  said = namer.name([image] * 2, [truth, Boxes(*(x[:0] for x in truth))])
  assert said['nearest'][0].classes.tolist() == [0, 2]
  assert said['forest'][0].classes.tolist() == [0, 3]
  np.testing.assert_array_equal(said['forest'][0].corners, truth.corners)
  assert [len(one[1].classes) for one in said.values()] == [0, 0]
  # A pair that is no class gets none.
  fewer = Namer(images, things, names=NAMES[:3], differs=60.0)
  assert fewer.name([image], [truth])['forest'][0].classes.tolist() == [0, -1]
  # Nothing is named in pictures without blobs.
  none = [Boxes(*(x[:0] for x in truth))]
  assert namer.name([image], none)['nearest'][0].corners.shape == (0, 4)


def test_precision_of_each_class_is_that_of_all(rng):
  truth, said = [], []
  for _ in range(30):
    corners = rng.uniform(0, 50, (3, 2))
    corners = np.concatenate([corners, corners + rng.uniform(9, 40, (3, 2))], 1)
    classes = rng.integers(4, size=3)
    truth.append(Boxes(corners, classes, np.ones(3)))
    moved = corners + rng.normal(0, 3, corners.shape)
    named = np.where(rng.random(3) < 0.7, classes, rng.integers(5, size=3))
    said.append(Boxes(moved, named, rng.random(3)))
  each = ap50_by_class(truth, said, classes=5)
  assert np.isnan(each[4])
  want = average_precision(truth, said, classes=5).ap50
  assert 0.1 < want < 0.9
  assert each[:4].mean() == pytest.approx(want)
  for i in range(4):
    only = [Boxes(*(x[t.classes == i] for x in t)) for t in truth]
    want = average_precision(only, said, classes=5).ap50
    assert each[i] == pytest.approx(want)


def test_the_surest_box_upon_a_thing_names_it():
  truth = [Boxes(np.array([[0.0, 0, 10, 10], [50, 50, 60, 60]]), *[
    np.array([2, 1])] * 2)]  # fmt: skip
  corners = np.array([[0.0, 0, 10, 8], [0, 0, 9, 9], [1, 1, 90, 90]])
  said = [Boxes(corners, np.array([0, 2, 1]), np.array([0.3, 0.4, 0.9]))]
  classes, right = named(truth, said)
  assert classes.tolist() == [2, 1]
  np.testing.assert_array_equal(right, [1, np.nan])
  other = [said[0]._replace(scores=np.array([0.5, 0.4, 0.9]))]
  np.testing.assert_array_equal(named(truth, other)[1], [0, np.nan])


def test_precision_of_nothing():
  none = [Boxes(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))]
  truth = [SCENES[0][1]]
  assert np.isnan(ap50_by_class(none, truth, classes=4)).all()
  found = ap50_by_class(truth, none, classes=4)
  np.testing.assert_array_equal(found, [0, np.nan, np.nan, 0])
