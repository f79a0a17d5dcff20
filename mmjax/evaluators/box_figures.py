"""The figure of pictures in which things were found."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from jaxtyping import UInt8
from matplotlib.patches import Rectangle

from mmjax.evaluators import figures
from mmjax.evaluators.average_precision import Boxes

_COLUMNS = 4


class Picture(NamedTuple):
  """One picture of the figure.

  Attributes:
    image: the picture.
    truth: what is in it.
    said: what the model found.
  """

  image: UInt8[np.ndarray, 'h w c']
  truth: Boxes
  said: Boxes


def boxes(
  path: Path,
  *,
  pictures: Sequence[Picture],
  names: Sequence[str],
  surest: int,
  title: str,
) -> None:
  """Shows pictures with what is in them (dashed, white) and what was found.

  Args:
    path: PNG that is written.
    pictures: from left to right, line by line.
    names: of the classes.
    surest: how many of the boxes that were found are shown of each.
    title: of the figure.
  """
  lines = math.ceil(len(pictures) / _COLUMNS)
  figure = figures.blank(1.9 * _COLUMNS, 1.95 * lines + 0.5)
  grid = figure.subplots(lines, _COLUMNS, squeeze=False)
  palette = matplotlib.colormaps['tab10']
  for axes in grid.ravel():
    axes.set_axis_off()
  for axes, picture in zip(grid.ravel(), pictures, strict=False):
    image = picture.image
    axes.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap='gray')
    for box in picture.truth.corners:
      _draw(axes, box, 'white', '--')
    order = np.argsort(-picture.said.scores, kind='stable')[:surest]
    for box, label, score in zip(
      *(part[order] for part in picture.said), strict=True
    ):
      color = palette(int(label) % 10)
      _draw(axes, box, color, '-')
      axes.text(
        box[0],
        box[1],
        f'{figures.drawable(names[int(label)])} {score:.2f}',
        fontsize=6,
        color='white',
        va='bottom',
        bbox={'boxstyle': 'square,pad=0.1', 'color': color},
        parse_math=False,
      )
  figures.finish(figure, path, title=title)


def _draw(axes, box, color, style) -> None:
  corner, (w, h) = box[:2] - 0.5, box[2:] - box[:2]
  axes.add_patch(
    Rectangle(
      corner, w, h, fill=False, color=color, linestyle=style, linewidth=1.3
    )
  )
