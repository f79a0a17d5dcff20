"""How well what a phrase names is found, also by phrases never heard."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from mmjax.evaluators import box_figures, rows
from mmjax.evaluators.average_precision import Boxes, ap50_by_class
from mmjax.evaluators.detection import find_blobs
from mmjax.evaluators.phrase_baselines import Namer
from mmjax.evaluators.pointing_scores import ENOUGH, overlap
from mmjax.metrics import Evaluation
from mmjax.types import Batch


class _Asked(NamedTuple):
  """Scenes: the picture of each, what is in it, and what each phrase is."""

  images: Sequence[UInt8[np.ndarray, 'h w 3']]
  truth: Sequence[Boxes]
  phrases: Sequence[np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenDetection:
  """COCO's average precision at half of the overlap, of phrases.

  The batch is that of `mmjax/data/datasets/tinted.py`; all of the phrases are
  asked of each picture, and each token says the one that fits it best. There is

  - `{name}/novel_ap50`: the mean over the phrases that training never heard;
    `{name}/heard_ap50` over the others;
  - `{name}/novel_named` and `{name}/heard_named`: of the things that any box
    overlaps by half, how many the surest of such boxes names rightly. Unlike
    precision, it does not depend on how often something is there;
  - `{name}/any_ap50` and `{name}/blobs_any_ap50`: as if all things were of one
    class;
  - `{name}/shuffled_novel_ap50` and so on: the same boxes and scores with the
    phrases in a wrong order, drawn for each picture. As each phrase is scored
    by itself, that is what a model says that reads the wrong texts;
  - `{name}/blobs_novel_ap50` and so on: `find_blobs`, the larger the surer,
    named by the nearest colour and the commonest kind;
  - `{name}/forest_novel_ap50` and so on: the same blobs, named by two random
    forests: see `phrase_baselines`, which is fitted on the training split.

  Computed by pycocotools: `pip install 'mmjax[detection]'`.
  """

  heard: tuple[str, ...]
  """Phrases that training has things for."""
  head: str = 'things'
  """Head with the logits of the phrases, `[b n p]`."""
  boxes_head: str = 'boxes'
  """Head with the boxes, `[b n 4]`, shares of the picture's sides."""
  target: str = 'phrases'
  """Batch key of what is asked for, `[b p]`: classes; negative is padding."""
  things: str = 'things'
  """Batch key of which of the phrases things are, `[b m]`, negative is none."""
  boxes: str = 'boxes'
  """Batch key of their boxes, `[b m 4]`."""
  image: str = 'image'
  """Batch key of the pictures."""
  name: str = 'phrases'
  """Prefix of the numbers."""
  fit_on: int = 1000
  """Training scenes that the baselines see, at most."""
  differs: float = 60.0
  """How far a pixel's colour is from the border's in a blob, of 255."""
  surest: int = 3
  """Boxes of each picture that the figure shows."""
  shown: int = 12
  """Pictures in the figure."""

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split.

    Args:
      predict: the forward pass.
      batches: `(view, split)` -> evaluation batches.
      classes: target -> names of its classes.

    Returns:
      The numbers, and a figure of the first pictures.

    Raises:
      InputError: a key or head does not exist, or pycocotools is not installed.
    """
    names = tuple(rows.pick(classes, self.target, what='classes of target'))
    known = self._read(batches('default', 'train'), most=self.fit_on)
    namer = Namer(known.images, known.truth, names=names, differs=self.differs)
    images, truth = [], []
    found: dict[str, list[Boxes]] = {'': [], 'shuffled_': []}
    rng = np.random.default_rng(0)
    for batch in batches('default'):
      asked = self._one(batch)
      said = self._said(predict(batch)['logits'], batch, asked)
      images += asked.images
      truth += asked.truth
      found[''] += said
      found['shuffled_'] += [
        _renamed(one, phrases, rng.permutation(phrases))
        for one, phrases in zip(said, asked.phrases, strict=True)
      ]
    blobs = [find_blobs(x, differs=self.differs, label=0) for x in images]
    called = namer.name(images, blobs)
    found['blobs_'] = [*called['nearest']]
    found['forest_'] = [*called['forest']]
    heard = np.isin(names, self.heard)
    numbers = {}
    for prefix, some in found.items():
      precision = ap50_by_class(truth, some, classes=len(names))
      numbers[f'{prefix}novel_ap50'] = _mean(precision[~heard])
      numbers[f'{prefix}heard_ap50'] = _mean(precision[heard])
      classes_there, right = named(truth, some)
      numbers[f'{prefix}novel_named'] = _mean(right[~heard[classes_there]])
      numbers[f'{prefix}heard_named'] = _mean(right[heard[classes_there]])
    alike = [one.of_one_class() for one in truth]
    for prefix, some in ('', found['']), ('blobs_', blobs):
      given = [one.of_one_class() for one in some]
      (numbers[f'{prefix}any_ap50'],) = ap50_by_class(alike, given, classes=1)
    draw = functools.partial(
      box_figures.boxes,
      pictures=[
        box_figures.Picture(*one)
        for one in zip(images, truth, found[''], strict=True)
      ][: self.shown],
      names=[n if n in self.heard else f'{n}*' for n in names],
      surest=self.surest,
      title=f'AP50 {numbers["heard_ap50"]:.3f}, of phrases never heard (*) '
      f'{numbers["novel_ap50"]:.3f}',
    )
    return Evaluation(
      {f'{self.name}/{key}': x for key, x in numbers.items()},
      {f'{self.name}_pictures': draw} if images else {},
    )

  def _said(self, heads: Any, batch: Batch, asked: _Asked) -> list[Boxes]:
    """What each token says, surest first, as classes and pixels."""
    real = rows.real(batch)
    logits, boxes = (
      rows.host(rows.pick(heads, name, what='head'))[real].astype(float)
      for name in (self.head, self.boxes_head)
    )
    found = []
    for i, phrases in enumerate(asked.phrases):
      score = 1 / (1 + np.exp(-np.maximum(logits[i], -50)))
      best = score[:, : len(phrases)].argmax(axis=1)
      corners = np.clip(boxes[i], 0, 1) * _sides(asked.images[i])
      found.append(Boxes(corners, phrases[best], score.max(axis=1)))
    return found

  def _read(self, batches: Any, *, most: int) -> _Asked:
    images, truth, phrases = [], [], []
    for batch in batches:
      one = self._one(batch)
      images += one.images
      truth += one.truth
      phrases += one.phrases
      if len(images) >= most:
        break
    return _Asked(images, truth, phrases)

  def _one(self, batch: Batch) -> _Asked:
    real = rows.real(batch)
    images, asked, things, boxes = (
      rows.column(batch, name)[real]
      for name in (self.image, self.target, self.things, self.boxes)
    )
    truth = []
    for image, names, numbers, corners in zip(
      images, asked, things, boxes, strict=True
    ):
      here = numbers >= 0
      truth.append(
        Boxes(
          corners[here] * _sides(image), names[numbers[here]], here[here] * 1.0
        )
      )
    return _Asked([*images], truth, [one[one >= 0] for one in asked])


def named(
  truth: Sequence[Boxes], said: Sequence[Boxes]
) -> tuple[Int[np.ndarray, ' n'], Float[np.ndarray, ' n']]:
  """What each thing is, and whether the surest box upon it says so.

  Returns:
    Classes of all things, and 1, 0, or NaN where no box overlaps by half.
  """
  classes, right = [], []
  for there, boxes in zip(truth, said, strict=True):
    for corners, label in zip(there.corners, there.classes, strict=True):
      same = np.broadcast_to(corners, boxes.corners.shape)
      upon = overlap(boxes.corners, same) >= ENOUGH
      surest = np.where(upon, boxes.scores, -np.inf)
      classes.append(label)
      right.append(
        boxes.classes[surest.argmax()] == label if upon.any() else np.nan
      )
  return np.array(classes, int), np.array(right, float)


def _sides(image: np.ndarray) -> np.ndarray:
  h, w = image.shape[:2]
  return np.array([w, h, w, h])


def _renamed(boxes: Boxes, old: np.ndarray, new: np.ndarray) -> Boxes:
  """With the names in another order."""
  order = np.argsort(old)
  return boxes._replace(
    classes=new[order[np.searchsorted(old, boxes.classes, sorter=order)]]
  )


def _mean(precision: np.ndarray) -> float:
  """Over what is not NaN."""
  there = precision[~np.isnan(precision)]
  return float(there.mean()) if len(there) else float('nan')
