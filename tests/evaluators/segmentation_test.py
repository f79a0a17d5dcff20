"""Intersection over union, by hand and by scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from mmjax.evaluators import pixel_classifier
from mmjax.evaluators.segmentation import Scores, Segmentation, confusion
from mmjax.types import InputError

NAMES = {'segments': ('background', 'cat', 'dog', 'cow')}
TARGET = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 0, 0], [2, -1, 0, 0]])
SAID = np.array([[0, 0, 1, 2], [0, 1, 1, 1], [2, 0, 0, 0], [2, 3, 0, 0]])


def _batches(images, targets, weight):
  batch = {
    'image': images,
    'segments': targets,
    'mask': {'image': np.ones(len(images), bool)},
    'weight': np.asarray(weight, np.float32),
  }
  return lambda view, split=None: [batch]


def _answer(said):
  return lambda batch: {'logits': {'segments': np.eye(4)[said] * 5.0}}


def test_scores_by_hand():
  # Background: 7 right of 9 either way. Cats: 3 of 5. Dogs: 2 of 4. No cows.
  scores = Scores.of(confusion(TARGET, SAID, 4))
  np.testing.assert_allclose(scores.iou, [7 / 9, 3 / 5, 2 / 4, np.nan])
  assert scores.miou == pytest.approx((7 / 9 + 3 / 5 + 2 / 4) / 3)
  # 6 of the 7 that are something are said to be something, and 1 that is not.
  assert scores.foreground_iou == pytest.approx(6 / 8)
  assert scores.accuracy == pytest.approx(12 / 15)


def test_scores_are_those_of_scikit_learn(rng):
  target, said = rng.integers(0, 4, (2, 3, 20, 20))
  scores = Scores.of(confusion(target, said, 4))
  flat = target.ravel(), said.ravel()
  want = metrics.jaccard_score(*flat, average=None)
  np.testing.assert_allclose(scores.iou, want)
  assert scores.foreground_iou == pytest.approx(
    metrics.jaccard_score(flat[0] > 0, flat[1] > 0)
  )


def test_the_evaluator_counts_real_rows_over_the_whole_split(tmp_path):
  images = np.zeros((3, 4, 4, 3), np.uint8)
  targets = np.stack([TARGET, np.zeros((4, 4), int), TARGET])
  # The last row only fills up the batch, and all of it is wrong.
  said = np.stack([SAID, np.zeros((4, 4), int), np.full((4, 4), 3)])
  found = Segmentation(fit=0)(
    _answer(said), _batches(images, targets, [1, 1, 0]), NAMES
  )
  assert found.numbers == pytest.approx(
    {
      'segments/miou': (23 / 25 + 3 / 5 + 2 / 4) / 3,
      'segments/foreground_iou': 6 / 8,
      'segments/accuracy': 28 / 31,
      'segments/background_miou': (24 / 31) / 3,
      'segments/background_accuracy': 24 / 31,
    }
  )
  assert [row['class'] for row in found.tables['segments_by_class']] == [
    'background',
    'cat',
    'dog',
  ]
  found.figures['segments_pictures'](tmp_path / 'a.png')
  assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')


def _coloured(rng, colors, count=12):
  """Pictures in which the colour of a pixel says its class, or does not."""
  targets = rng.integers(0, 4, (count, 4, 4)).repeat(4, 1).repeat(4, 2)
  noise = rng.integers(0, 20, (*targets.shape, 3))
  return (colors[targets] + noise).astype(np.uint8), targets


def test_colours_tell_classes_only_where_they_differ(rng):
  different = np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0], [0, 0, 200]])
  for colors, low, high in ((different, 0.9, 1.1), (different * 0, 0.0, 0.3)):
    images, targets = _coloured(rng, colors)
    found = Segmentation(fit=8)(
      _answer(targets), _batches(images, targets, np.ones(12)), NAMES
    )
    assert found.numbers['segments/miou'] == 1
    assert low < found.numbers['segments/colors_miou'] < high


def test_features_are_those_of_the_window(rng):
  image = rng.integers(0, 256, (20, 24, 3), np.uint8)
  found = pixel_classifier.features(image)
  assert found.shape == (20, 24, 15)
  window = image[8:13, 10:15].reshape(-1, 3) / 255
  want = np.concatenate([window.mean(0), window.std(0)])
  np.testing.assert_allclose(found[10, 12, 3:9], want, atol=1e-4)


def test_a_head_of_another_number_of_classes():
  batches = _batches(np.zeros((1, 4, 4, 3), np.uint8), TARGET[None], [1])
  predict = lambda _: {'logits': {'segments': np.zeros((1, 4, 4, 5))}}  # noqa: E731
  with pytest.raises(InputError, match='has 5 classes, target .* has 4'):
    Segmentation(fit=0)(predict, batches, NAMES)
