"""What rules answer to questions about a square, for `Pointing`.

They know how the pictures are made, which no model is told: a thing is what
differs from its row of the picture, it stands on flat ground where it ends, and
the camera's height and focal length say how far that is.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8
from PIL import Image
from sklearn.ensemble import RandomForestClassifier

from mmjax.data.datasets import square_questions, square_world
from mmjax.evaluators import blobs
from mmjax.evaluators.pointing_scores import Answers

# Both chosen on the validation split of `Square`.
_DIFFERS = 45.0  # of 255, in colour, from the median of the row
_LEAST = 40  # pixels of a blob
_MOST = 8  # blobs, the largest


class Squares(NamedTuple):
  """Questions, and all that is known of them.

  Attributes:
    images: the pictures.
    positions: means of the readings.
    mels: of the sounds, see `frame_baselines.log_mel`.
    texts: the words.
    asked: what each question means.
    things: categories of all things, -1 where there is none.
    boxes: of all things.
    true: the right answers.
  """

  images: UInt8[np.ndarray, 'b h w 3']
  positions: Float[np.ndarray, 'b 4']
  mels: Sequence[Float32[np.ndarray, 'mels _']]
  texts: Sequence[str]
  asked: Int[np.ndarray, ' b']
  things: Int[np.ndarray, 'b m']
  boxes: Float[np.ndarray, 'b m 4']
  true: Answers


class Seen(NamedTuple):
  """The blobs of a picture, the largest first.

  Attributes:
    boxes: left, top, right, bottom, in sides of the picture.
    near: metres ahead and to the left.
    world: metres east and north.
    chances: of each category.
  """

  boxes: Float[np.ndarray, 'm 4']
  near: Float[np.ndarray, 'm 2']
  world: Float[np.ndarray, 'm 2']
  chances: Float[np.ndarray, 'm categories']


class Rules:
  """Looks at squares, once it has seen what things look like in others."""

  def __init__(self, known: Squares, *, categories: int):
    """Fits a random forest to what the things in other squares look like."""
    where = np.argwhere(known.things >= 0)
    features = [_features(known.images[i], known.boxes[i, j]) for i, j in where]
    labels = known.things[*where.T]
    self._forest: Any = RandomForestClassifier(100, random_state=0)
    self._forest.fit(np.array(features), labels)
    self._categories = categories
    self.commonest = int(np.bincount(labels).argmax())

  def look(self, asked: Squares) -> list[Seen]:
    """What the rules see in each picture."""
    found = [boxes_of(image) for image in asked.images]
    features = [
      _features(image, box)
      for image, boxes in zip(asked.images, found, strict=True)
      for box in boxes
    ]
    chances = np.zeros((len(features), self._categories))
    if features:
      judged = self._forest.predict_proba(np.array(features))
      chances[:, self._forest.classes_] = judged
    ends = np.cumsum([len(boxes) for boxes in found])
    each = np.split(chances, ends[:-1])
    return [
      _seen(*one) for one in zip(found, asked.positions, each, strict=True)
    ]

  def largest(self, seen: Sequence[Seen]) -> Answers:
    """The largest blob is meant, and is what things are the most often."""
    return _answers([
      (one, 0, self.commonest) if len(one.boxes) else None for one in seen
    ])  # fmt: skip

  def answer(
    self, seen: Sequence[Seen], meanings: Int[np.ndarray, ' b']
  ) -> Answers:
    """What is meant, by the rules that the questions are made by.

    Args:
      seen: what `look` gives.
      meanings: what is asked, as far as that was understood.
    """
    found = []
    for one, meaning in zip(seen, meanings, strict=True):
      name, kinds = square_questions.MEANINGS[meaning], one.chances.argmax(1)
      nouns = tuple(square_questions.NOUNS)
      if name in nouns:
        wanted = nouns.index(name)
        chance = np.where(kinds == wanted, one.chances[:, wanted], 0.0)
        there = chance.any()
      else:
        chance = square_questions.rank(name, one.near, one.world)
        there = len(chance) > 0
      row = int(chance.argmax()) if there else 0
      found.append((one, row, int(kinds[row])) if there else None)
    return _answers(found)


def _seen(boxes: np.ndarray, position: np.ndarray, chances: np.ndarray) -> Seen:
  feet = np.stack([boxes[:, [0, 2]].mean(axis=1), boxes[:, 3]], axis=1)
  near = square_world.to_ground(feet)
  heading = float(np.arctan2(position[2], position[3]))
  pose = square_world.Pose(position[:2].astype(float), heading)
  return Seen(boxes, near, square_world.to_world(near, pose), chances)


def boxes_of(image: UInt8[np.ndarray, 'h w 3']) -> Float[np.ndarray, 'm 4']:
  """Boxes around what differs from the median of its row, largest first."""
  pixels = image.astype(float)
  usual = np.median(pixels, axis=1, keepdims=True)
  away = np.linalg.norm(pixels - usual, axis=-1) > _DIFFERS
  corners, area = blobs.find(away)
  h, w = image.shape[:2]
  return corners[area >= _LEAST][:_MOST] / np.array([w, h, w, h])


def _features(
  image: np.ndarray, box: np.ndarray
) -> Float32[np.ndarray, ' features']:
  """A thumbnail of what is in a box, shares of colours, and its sides."""
  h, w = image.shape[:2]
  left, top = np.floor(box[:2] * [w, h]).astype(int)
  right, bottom = np.ceil(box[2:] * [w, h]).astype(int)
  cut = image[top : max(bottom, top + 1), left : max(right, left + 1)]
  small = Image.fromarray(cut).resize((8, 8), Image.Resampling.BOX)
  colors, _ = np.histogramdd(
    cut.reshape(-1, 3), bins=(4, 4, 4), range=[(0, 256)] * 3
  )
  shares = colors.ravel() / colors.sum()
  sides = (box[2:] - box[:2]).ravel()
  thumbnail = np.asarray(small).ravel() / 255
  return np.concatenate([thumbnail, shares, sides]).astype(np.float32)


def _answers(found: Sequence[tuple[Seen, int, int] | None]) -> Answers:
  """A blob of each picture and what it is, or None for nothing."""
  category = np.full(len(found), -1)
  boxes, places = np.zeros((len(found), 4)), np.zeros((len(found), 2))
  for i, one in enumerate(found):
    if one is not None:
      seen, row, kind = one
      category[i], boxes[i], places[i] = kind, seen.boxes[row], seen.world[row]
  return Answers(category, boxes, places)
