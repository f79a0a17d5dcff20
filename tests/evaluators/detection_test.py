"""Average precision by hand; blobs where they are."""

import sys

import numpy as np
import pytest

from mmjax.evaluators.average_precision import Boxes, average_precision
from mmjax.evaluators.detection import Detection, find_blobs
from mmjax.types import InputError

pytest.importorskip('pycocotools')
BOX = [10.0, 10.0, 30.0, 30.0]
OTHER = [50.0, 50.0, 90.0, 90.0]
# 16 of 20 columns in common: 0.8 of what either covers.
NEAR = [10.0, 10.0, 26.0, 30.0]


def boxes(*rows):
  """Of corners, class and score."""
  corners, classes, scores = zip(*rows, strict=True)
  return Boxes(np.array(corners), np.array(classes), np.array(scores))


TRUTH = [boxes((BOX, 0, 1), (OTHER, 1, 1)), boxes((BOX, 0, 1))]


def test_what_is_right_has_a_precision_of_one():
  assert average_precision(TRUTH, TRUTH, classes=2) == pytest.approx((1, 1, 1))


def test_precision_by_hand():
  # A near box is right at overlaps up to 0.8: at 7 of 10.
  said = [boxes((NEAR, 0, 0.9), (OTHER, 1, 0.9)), boxes((NEAR, 0, 0.8))]
  found = average_precision(TRUTH, said, classes=2)
  assert found.ap50 == pytest.approx(1.0)
  assert found.ap75 == pytest.approx(1.0)
  assert found.ap == pytest.approx((0.7 + 1.0) / 2)
  # Half is found, behind one that is wrong: precision 1/2 up to a recall of
  # 1/2, which is 51 of 101 recalls.
  said = [boxes((OTHER, 0, 0.9)), boxes((BOX, 0, 0.8))]
  found = average_precision([TRUTH[1]] * 2, said, classes=1)
  assert found.ap50 == pytest.approx(51 / 101 / 2)


def test_boxes_of_another_class_are_found_as_things_alone():
  said = [boxes((BOX, 1, 0.9), (OTHER, 0, 0.9)), boxes((BOX, 1, 0.9))]
  assert average_precision(TRUTH, said, classes=2).ap50 == 0
  alike = [one.of_one_class() for one in TRUTH]
  found = average_precision(
    alike, [one.of_one_class() for one in said], classes=1
  )
  assert found.ap50 == pytest.approx(1)


def test_nothing_said_and_nothing_there():
  none = Boxes(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))
  assert average_precision(TRUTH, [none] * 2, classes=2).ap50 == 0
  assert np.isnan(average_precision([none], [none], classes=2).ap50)


def test_without_pycocotools_it_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, 'pycocotools.coco', None)
  with pytest.raises(InputError, match=r'mmjax\[detection\]'):
    average_precision(TRUTH, TRUTH, classes=2)


def picture():
  image = np.full((100, 100, 3), 200, np.uint8)
  image[10:30, 10:30] = 20
  image[50:90, 50:90] = (250, 0, 0)
  return image


def test_blobs_are_found_on_a_plain_ground():
  found = find_blobs(picture(), differs=60.0, label=3)
  np.testing.assert_array_equal(found.corners, [OTHER, BOX])
  # Without the four corners, which opening takes.
  np.testing.assert_array_equal(found.scores, [1596, 396])
  assert (found.classes == 3).all()
  plain = find_blobs(picture()[:5, :5], differs=60.0, label=3)
  assert plain.corners.shape == (0, 4)


def test_the_evaluator_counts_real_rows(tmp_path, capsys):
  batch = {
    'image': np.stack([picture()] * 2),
    'things': np.array([[0, 1, -1], [1, 1, 1]]),
    'boxes': np.array([[BOX, OTHER, [0] * 4], [[0.0, 0, 9, 9]] * 3]) / 100,
    'mask': {'image': np.ones(2, bool)},
    'weight': np.array([1.0, 0.0], np.float32),
  }
  # The first thing is said to be of the other class.
  logits = np.full((2, 3, 2), -9.0)
  logits[:, 0, 1] = logits[:, 1, 1] = 9
  given = np.array([BOX, OTHER, [0.0, 0, 1, 1]]) / 100
  heads = {'things': logits, 'boxes': np.stack([given] * 2)}
  found = Detection()(
    lambda _: {'logits': heads},
    lambda view, split=None: [batch],
    {'things': ('cat', 'dog')},
  )
  # Dogs: one of two that are said to be one is; no cat is found.
  assert found.numbers['things/any_ap50'] == pytest.approx(1)
  assert 0.25 <= found.numbers['things/ap50'] <= 0.5
  assert found.numbers['things/blobs_any_ap50'] == pytest.approx(1)
  assert found.numbers['things/largest_any_ap50'] == pytest.approx(51 / 101)
  assert not capsys.readouterr().out
  found.figures['things_pictures'](tmp_path / 'a.png')
  assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')
