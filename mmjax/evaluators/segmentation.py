"""How well the class of each pixel is told."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from mmjax.evaluators import pixel_classifier, rows, segment_figures
from mmjax.metrics import Evaluation
from mmjax.types import Batch, InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Segmentation:
  """Intersection over union of classes and of what is not background.

  Class 0 is the background. Over all pixels of the split together, as in PASCAL
  VOC (https://doi.org/10.1007/s11263-009-0275-4, section 4.1.3), it gives

  - `{name}/miou`: the mean over the classes that occur in the truth or are
    answered, background included; `{name}/foreground_iou`: of whether there is
    anything; `{name}/accuracy`: the share of pixels that are right;
  - `{name}/background_miou` and `{name}/background_accuracy`: those of always
    answering background, whose `foreground_iou` is 0;
  - `{name}/colors_miou` and `{name}/colors_foreground_iou`: those of a logistic
    regression on the colours and the texture around each pixel, fitted on
    pictures of 'train', if `fit` is not 0.
  """

  head: str = 'segments'
  """Head with the logits of each pixel."""
  target: str = 'segments'
  """Batch key with the class of each pixel; negative is unknown."""
  image: str = 'image'
  """Batch key of the pictures."""
  name: str = 'segments'
  """Prefix of the numbers."""
  fit: int = 400
  """Pictures of 'train' that the classifier of pixels is fitted on."""
  pixels: int = 200
  """How many pixels of each of them."""
  shown: int = 6
  """Pictures in the figure."""
  view: str = 'default'
  """Layout of the split that is scored."""

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
      classes: target -> names of its classes, background first.

    Returns:
      The numbers, a figure of the first pictures, and the table of classes.

    Raises:
      InputError: a key or head does not exist, or the head has another number
        of classes.
    """
    names = tuple(rows.pick(classes, self.target, what='classes of target'))
    judge = self._fitted(batches) if self.fit else None
    zeros = np.zeros((len(names), len(names)), np.int64)
    model, nothing, colors = zeros, zeros.copy(), zeros.copy()
    shown: list[segment_figures.Row] = []
    for batch in batches(self.view):
      logits = rows.pick(predict(batch)['logits'], self.head, what='head')
      said = self._said(rows.host(logits), len(names))
      for i, image, target in self._pictures(batch):
        by_colors = None
        model += confusion(target, said[i], len(names))
        nothing += confusion(target, target * 0, len(names))
        if judge is not None:
          x = pixel_classifier.features(image)
          flat = judge.predict(x.reshape(target.size, -1))
          by_colors = flat.reshape(target.shape)
          colors += confusion(target, by_colors, len(names))
        if len(shown) < self.shown:
          shown.append(segment_figures.Row(image, target, said[i], by_colors))
    found, empty = Scores.of(model), Scores.of(nothing)
    numbers = {
      'miou': found.miou,
      'foreground_iou': found.foreground_iou,
      'accuracy': found.accuracy,
      'background_miou': empty.miou,
      'background_accuracy': empty.accuracy,
    }
    if judge is not None:
      by_colors = Scores.of(colors)
      numbers['colors_miou'] = by_colors.miou
      numbers['colors_foreground_iou'] = by_colors.foreground_iou
    table = [
      {'class': name, 'iou': float(iou), 'pixels': int(pixels)}
      for name, iou, pixels in zip(
        names, found.iou, model.sum(axis=1), strict=True
      )
      if not np.isnan(iou)
    ]
    draw = functools.partial(
      segment_figures.segments,
      rows=shown,
      names=names,
      title=f'{self.name}: mean IoU {found.miou:.3f}, foreground '
      f'{found.foreground_iou:.3f}',
    )
    return Evaluation(
      {f'{self.name}/{key}': float(x) for key, x in numbers.items()},
      {f'{self.name}_pictures': draw} if shown else {},
      {f'{self.name}_by_class': table},
    )

  def _said(
    self, logits: Float[np.ndarray, 'b h w classes'], count: int
  ) -> Int[np.ndarray, 'b h w']:
    if logits.shape[-1] != count:
      raise InputError(
        f'head {self.head!r} has {logits.shape[-1]} classes, target '
        f'{self.target!r} has {count}'
      )
    return logits.argmax(axis=-1)

  def _pictures(
    self, batch: Batch
  ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Row, picture and truth of each real row."""
    images = rows.column(batch, self.image)
    targets = rows.column(batch, self.target)
    for i in np.flatnonzero(rows.real(batch)):
      yield int(i), images[i], targets[i]

  def _fitted(self, batches: rows.Batches):
    every = itertools.chain.from_iterable(
      map(self._pictures, batches('default', 'train'))
    )
    some = itertools.islice(every, self.fit)
    return pixel_classifier.fit(
      ((image, target) for _, image, target in some), pixels=self.pixels
    )


class Scores(NamedTuple):
  """What a confusion of classes (rows: the truth) comes to.

  Attributes:
    iou: of each class, NaN where it is neither there nor answered.
    miou: their mean.
    foreground_iou: of all classes but the first, taken as one.
    accuracy: share of pixels that are right.
  """

  iou: Float[np.ndarray, ' classes']
  miou: float
  foreground_iou: float
  accuracy: float

  @classmethod
  def of(cls, counts: Int[np.ndarray, 'classes classes']) -> 'Scores':
    """Computes them; NaN where nothing was counted."""
    right = np.diag(counts).astype(float)
    union = counts.sum(axis=0) + counts.sum(axis=1) - right
    iou = _ratio(right, union)
    occurs = union > 0
    either = counts.sum() - counts[0, 0]
    return cls(
      iou,
      float(iou[occurs].mean()) if occurs.any() else float('nan'),
      float(_ratio(counts[1:, 1:].sum(), either)),
      float(_ratio(right.sum(), counts.sum())),
    )


def confusion(
  target: Int[np.ndarray, '*places'],
  said: Int[np.ndarray, '*places'],
  classes: int,
) -> Int[np.ndarray, 'classes classes']:
  """How often each class (row) was called each class; unknown is left out."""
  known: Bool[np.ndarray, '*places'] = target >= 0
  pairs = target[known] * classes + said[known]
  return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def _ratio(total, count):
  count = np.asarray(count, float)
  empty = np.full(count.shape, np.nan)
  return np.divide(total, count, out=empty, where=count > 0)
