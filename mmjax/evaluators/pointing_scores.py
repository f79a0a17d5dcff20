"""Answers to which thing is meant and where it is, and how right they are."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

ENOUGH = 0.5  # intersection over union of a box that is right


class Answers(NamedTuple):
  """One for each question.

  Attributes:
    category: what the thing is, -1 for nothing.
    boxes: left, top, right, bottom, in sides of the picture.
    places: metres east and north.
  """

  category: Int[np.ndarray, ' b']
  boxes: Float[np.ndarray, 'b 4']
  places: Float[np.ndarray, 'b 2']


def right(said: Answers, true: Answers) -> Bool[np.ndarray, ' b']:
  """Whether category and box are, or nothing was said where nothing is."""
  there = true.category >= 0
  same = said.category == true.category
  return same & (~there | (overlap(said.boxes, true.boxes) >= ENOUGH))


def score(said: Answers, true: Answers) -> Mapping[str, float]:
  """Shares of questions, and means; 0 where nothing counts.

  Returns:
    right: as the function of that name;
    category: the category is, or nothing;
    box: of the things that are asked for, those whose box is, of whatever
      category;
    iou: mean intersection over union, 0 where nothing is said;
    metre: of the things that are asked for, those that are said to be less
      than a metre from where they are;
    place_error: mean distance in metres of the things whose box is right.
  """
  there, found = true.category >= 0, said.category >= 0
  iou = np.where(found, overlap(said.boxes, true.boxes), 0.0)
  away = np.linalg.norm(said.places - true.places, axis=1)
  hit = there & (iou >= ENOUGH)
  return {
    'right': _mean(right(said, true)),
    'category': _mean(said.category == true.category),
    'box': _mean(hit[there]),
    'iou': _mean(iou[there]),
    'metre': _mean((found & (away < 1))[there]),
    'place_error': _mean(away[hit]),
  }


def overlap(
  a: Float[np.ndarray, 'b 4'], b: Float[np.ndarray, 'b 4']
) -> Float[np.ndarray, ' b']:
  """Intersection over union of each pair of boxes."""
  sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
  both = np.prod(np.maximum(sides, 0), axis=1)
  areas = [np.prod(np.maximum(x[:, 2:] - x[:, :2], 0), axis=1) for x in (a, b)]
  return both / np.maximum(areas[0] + areas[1] - both, 1e-12)


def _mean(x: np.ndarray) -> float:
  return float(x.mean()) if x.size else 0.0
