"""The figure of pictures that were drawn from words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

from mmjax.evaluators import figures

_COLUMNS, _LETTERS = 12, 28


class Line(NamedTuple):
  """One line of the figure.

  Attributes:
    words: what was asked for.
    real: a real picture of that.
    drawn: what was drawn.
    right: which of those the classifier recognised.
  """

  words: str
  real: UInt8[np.ndarray, 'h w c']
  drawn: UInt8[np.ndarray, 'n h w c']
  right: Bool[np.ndarray, ' n']


def grid(path: Path, *, lines: Sequence[Line], title: str) -> None:
  """Shows for each words a real picture and, apart from it, the drawn ones.

  Those that were taken for something else have a red frame.

  Args:
    path: PNG that is written.
    lines: from top to bottom; the first twelve drawn pictures are shown.
    title: of the figure.
  """
  columns = min(_COLUMNS, max(len(line.drawn) for line in lines))
  labels = [figures.drawable(_short(line.words)) for line in lines]
  side, label = 0.62, max(map(len, labels)) * 0.105
  figure = figures.blank(
    max(side * (columns + 1.6) + label, 4.5), side * len(lines) + 0.9
  )
  axes = figure.add_subplot()
  for y, line in enumerate(lines):
    _picture(axes, line.real, 0.0, y)
    for x in range(min(columns, len(line.drawn))):
      _picture(axes, line.drawn[x], x + 1.4, y)
      if not line.right[x]:
        _frame(axes, x + 1.4, y)
  axes.set_yticks(range(len(lines)), labels, parse_math=False)
  axes.set_xticks([0, 0.9 + columns / 2], ['real', 'drawn'])
  axes.xaxis.tick_top()
  axes.tick_params(length=0, labelsize=9, labelcolor=figures.INK)
  axes.set_xlim(-0.55, columns + 0.95)
  axes.set_ylim(len(lines) - 0.45, -0.55)
  axes.set_aspect('equal', anchor='E')  # what is left over is for the words
  axes.spines[:].set_visible(False)
  figures.finish(figure, path, title=title)


def _short(words: str) -> str:
  cut = len(words) > _LETTERS
  return words[: _LETTERS - 1] + '…' if cut else words


def _picture(axes: Any, pixels: np.ndarray, x: float, y: int) -> None:
  pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
  axes.imshow(
    pixels,
    cmap='gray',
    vmin=0,
    vmax=255,
    interpolation='nearest',
    extent=(x - 0.46, x + 0.46, y + 0.46, y - 0.46),
  )


def _frame(axes: Any, x: float, y: int) -> None:
  from matplotlib.patches import Rectangle

  corner = (x - 0.47, y - 0.47)
  axes.add_patch(
    Rectangle(corner, 0.94, 0.94, fill=False, color=figures.RED, linewidth=2)
  )
