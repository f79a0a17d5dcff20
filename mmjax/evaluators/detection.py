"""How well things are found: boxes and classes."""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import UInt8

from mmjax.evaluators import blobs, box_figures, rows
from mmjax.evaluators.average_precision import Boxes, average_precision
from mmjax.metrics import Evaluation

_MOST_BLOBS = 100  # of a picture, as many as COCO looks at


@dataclasses.dataclass(frozen=True, kw_only=True)
class Detection:
  """COCO's average precision, of classes and of whether there is anything.

  Each token says one thing: its likeliest class. There is

  - `{name}/ap`, `{name}/ap50`, `{name}/ap75`: the mean over the classes;
  - `{name}/any_ap50`: as if all things were of one class;
  - `{name}/blobs_ap50` and `{name}/blobs_any_ap50`: those of the blobs of
    pixels that differ from the colour of the picture's border, all of them of
    the class that is commonest in 'train', the larger the surer;
  - `{name}/largest_any_ap50`: that of the largest blob alone.

  Computed by pycocotools: `pip install 'mmjax[detection]'`.
  """

  head: str = 'things'
  """Head with the logits of the classes, `[b n classes]`."""
  boxes_head: str = 'boxes'
  """Head with the boxes, `[b n 4]`, shares of the picture's sides."""
  target: str = 'things'
  """Batch key of the classes, `[b m]`; negative is no thing."""
  boxes: str = 'boxes'
  """Batch key of the boxes, `[b m 4]`."""
  image: str = 'image'
  """Batch key of the pictures."""
  name: str = 'things'
  """Prefix of the numbers."""
  differs: float = 60.0
  """How far a pixel's colour is from the border's in a blob, of 255."""
  surest: int = 3
  """Boxes of each picture that the figure shows."""
  shown: int = 12
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
      classes: target -> names of its classes.

    Returns:
      The numbers, and a figure of the first pictures.

    Raises:
      InputError: a key or head does not exist, or pycocotools is not installed.
    """
    names = tuple(rows.pick(classes, self.target, what='classes of target'))
    common = self._commonest(batches, len(names))
    truth, said, seen, shown = [], [], [], []
    for batch in batches(self.view):
      heads = predict(batch)['logits']
      logits = rows.host(rows.pick(heads, self.head, what='head'))
      boxes = rows.host(rows.pick(heads, self.boxes_head, what='head'))
      things = rows.column(batch, self.target)
      images = rows.column(batch, self.image)
      corners = rows.column(batch, self.boxes)
      for i in np.flatnonzero(rows.real(batch)):
        h, w = images[i].shape[:2]
        sides, real = np.array([w, h, w, h]), things[i] >= 0
        count = int(real.sum())
        truth.append(
          Boxes(corners[i][real] * sides, things[i][real], np.ones(count))
        )
        score = 1 / (1 + np.exp(-logits[i].astype(float)))
        said.append(
          Boxes(np.clip(boxes[i], 0, 1) * sides, score.argmax(1), score.max(1))
        )
        seen.append(find_blobs(images[i], differs=self.differs, label=common))
        if len(shown) < self.shown:
          shown.append(box_figures.Picture(images[i], truth[-1], said[-1]))
    precision = functools.partial(average_precision, truth)
    found = precision(said, classes=len(names))
    largest = [Boxes(*(part[:1] for part in one)) for one in seen]

    def any_ap50(boxes: Sequence[Boxes]) -> float:
      alike = [one.of_one_class() for one in truth]
      given = [one.of_one_class() for one in boxes]
      return average_precision(alike, given, classes=1).ap50

    numbers = {
      'ap': found.ap,
      'ap50': found.ap50,
      'ap75': found.ap75,
      'any_ap50': any_ap50(said),
      'blobs_ap50': precision(seen, classes=len(names)).ap50,
      'blobs_any_ap50': any_ap50(seen),
      'largest_any_ap50': any_ap50(largest),
    }
    draw = functools.partial(
      box_figures.boxes,
      pictures=shown,
      names=names,
      surest=self.surest,
      title=f'{self.name}: AP50 {found.ap50:.3f}, of any class '
      f'{numbers["any_ap50"]:.3f}',
    )
    return Evaluation(
      {f'{self.name}/{key}': x for key, x in numbers.items()},
      {f'{self.name}_pictures': draw} if shown else {},
    )

  def _commonest(self, batches: rows.Batches, classes: int) -> int:
    counts = np.zeros(classes, int)
    # A few batches are enough to tell.
    for batch in itertools.islice(batches('default', 'train'), 32):
      things = rows.column(batch, self.target)[rows.real(batch)]
      counts += np.bincount(things[things >= 0], minlength=classes)
    return int(counts.argmax())


def find_blobs(
  image: UInt8[np.ndarray, 'h w c'], *, differs: float, label: int
) -> Boxes:
  """Boxes around what differs in colour from the border, largest first."""
  unlike = blobs.unlike_border(image, differs=differs)
  corners, area = (part[:_MOST_BLOBS] for part in blobs.find(unlike))
  return Boxes(corners, np.full(len(area), label), area)
