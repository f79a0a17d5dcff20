"""The figure of pictures whose pixels were told apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from mmjax.evaluators import figures


class Row(NamedTuple):
  """One column of the figure.

  Attributes:
    image: the picture.
    target: class of each pixel.
    said: what the model took it for.
    colors: what a classifier of single pixels took it for, if there is one.
  """

  image: UInt8[np.ndarray, 'h w c']
  target: Int[np.ndarray, 'h w']
  said: Int[np.ndarray, 'h w']
  colors: Int[np.ndarray, 'h w'] | None


def segments(
  path: Path, *, rows: Sequence[Row], names: Sequence[str], title: str
) -> None:
  """Shows pictures, and below them the truth and what was answered.

  Args:
    path: PNG that is written.
    rows: from left to right.
    names: of the classes; the first is the background.
    title: of the figure.
  """
  import matplotlib
  from matplotlib.patches import Patch

  lines = ['picture', 'truth', 'model']
  if rows[0].colors is not None:
    lines.append('by colour')
  figure = figures.blank(1.15 * len(rows) + 0.8, 1.15 * len(lines) + 0.9)
  axes = figure.subplots(len(lines), len(rows), squeeze=False)
  palette = matplotlib.colormaps['tab10']
  colors = np.array([(0.93, 0.93, 0.93), *(
    palette(i % 10)[:3] for i in range(len(names) - 1)
  )])  # fmt: skip
  for column, row in zip(axes.T, rows, strict=True):
    image = row.image[..., 0] if row.image.shape[-1] == 1 else row.image
    column[0].imshow(image, cmap='gray', interpolation='nearest')
    answers = (row.target, row.said, row.colors)
    for one, classes in zip(column[1:], answers, strict=False):
      if classes is None:
        continue
      # Unknown pixels are drawn as background.
      one.imshow(colors[np.maximum(classes, 0)], interpolation='nearest')
  for one in axes.ravel():
    one.set_xticks([])
    one.set_yticks([])
    one.spines[:].set_color(figures.FAINT)
  for one, label in zip(axes[:, 0], lines, strict=True):
    one.set_ylabel(label, fontsize=10, color=figures.INK)
  figure.legend(
    handles=[
      Patch(facecolor=color, label=figures.drawable(name))
      for color, name in zip(colors[1:], names[1:], strict=True)
    ],
    loc='outside lower center',
    ncols=min(len(names) - 1, len(rows)),
    frameon=False,
    fontsize=9,
  )
  figures.finish(figure, path, title=title)
