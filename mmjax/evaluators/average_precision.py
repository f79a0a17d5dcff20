"""Average precision of boxes, by pycocotools."""

import contextlib
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from mmjax.types import InputError


class Boxes(NamedTuple):
  """What is in a picture, or is said to be.

  Attributes:
    corners: left, top, right, bottom, in pixels.
    classes: of each box.
    scores: how sure each is; anything for the truth.
  """

  corners: Float[np.ndarray, 'n 4']
  classes: Int[np.ndarray, ' n']
  scores: Float[np.ndarray, ' n']

  def of_one_class(self) -> 'Boxes':
    """The same, as if all things were alike."""
    return self._replace(classes=self.classes * 0)


class Precision(NamedTuple):
  """COCO's numbers (https://cocodataset.org/#detection-eval).

  Attributes:
    ap: the mean over overlaps of 0.5, 0.55 to 0.95, and over the classes.
    ap50: at an overlap of 0.5.
    ap75: at one of 0.75.
  """

  ap: float
  ap50: float
  ap75: float


def average_precision(
  truth: Sequence[Boxes], said: Sequence[Boxes], *, classes: int
) -> Precision:
  """Scores the boxes of all pictures together.

  Returns:
    The numbers; NaN if there is nothing to be found.

  Raises:
    InputError: pycocotools is not installed.
  """
  judge = _judge(truth, said, classes=classes)
  if judge is None:
    return Precision(*[float('nan')] * 3)
  if not judge.cocoDt.anns:
    return Precision(0.0, 0.0, 0.0)
  # It tells of each step on stdout, which is for results.
  with contextlib.redirect_stdout(io.StringIO()):
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
  return Precision(*(float(x) for x in judge.stats[:3]))


def ap50_by_class(
  truth: Sequence[Boxes], said: Sequence[Boxes], *, classes: int
) -> Float[np.ndarray, ' classes']:
  """The average precision of each class, at an overlap of 0.5.

  Returns:
    NaN for a class of which nothing is to be found.

  Raises:
    InputError: pycocotools is not installed.
  """
  judge = _judge(truth, said, classes=classes)
  if judge is None:
    return np.full(classes, np.nan)
  # No other overlaps, and things of all sizes together.
  judge.params.iouThrs = np.array([0.5])
  judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ['all']
  with contextlib.redirect_stdout(io.StringIO()):
    judge.evaluate()
    judge.accumulate()
  # Overlap, recall, class, size, most boxes of a picture; -1 is nothing.
  precision = judge.eval['precision'][0, :, :, 0, -1]
  return np.where((precision < 0).all(0), np.nan, precision.mean(0))


def _judge(
  truth: Sequence[Boxes], said: Sequence[Boxes], *, classes: int
) -> Any:
  """What compares boxes; None if there is nothing to be found."""
  try:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
  except ImportError as error:
    raise InputError(
      "average precision needs pycocotools: pip install 'mmjax[detection]'"
    ) from error
  wanted = _records(truth)
  if not wanted:
    return None
  for i, one in enumerate(wanted, 1):
    one.update(id=i, area=one['bbox'][2] * one['bbox'][3], iscrowd=0)
  given = _records(said)
  with contextlib.redirect_stdout(io.StringIO()):
    known: Any = COCO()
    known.dataset = {
      'info': {},
      'images': [{'id': i} for i in range(len(truth))],
      'categories': [{'id': i} for i in range(classes)],
      'annotations': wanted,
    }
    known.createIndex()
    # It reads no empty list.
    found: Any = known.loadRes(given) if given else COCO()
    return COCOeval(known, found, 'bbox')


def _records(pictures: Sequence[Boxes]) -> list[dict[str, Any]]:
  return [
    {
      'image_id': i,
      'category_id': int(label),
      # Left, top, width, height.
      'bbox': [*map(float, box[:2]), *map(float, box[2:] - box[:2])],
      'score': float(score),
    }
    for i, picture in enumerate(pictures)
    for box, label, score in zip(*picture, strict=True)
  ]
