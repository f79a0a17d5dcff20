"""The figure of questions about pictures, and where the answers point."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mmjax.evaluators import figures, pointing_scores
from mmjax.evaluators.pointing_rules import Squares
from mmjax.evaluators.pointing_scores import Answers

_COLUMNS = 4


def answers(
  path: Path,
  *,
  squares: Squares,
  said: Answers,
  names: Sequence[str],
  count: int,
  title: str,
) -> None:
  """Shows pictures with what is meant (dashed, white) and what was answered.

  Args:
    path: PNG that is written.
    squares: what was asked; the first ones are shown.
    said: the model's answers, green where right and red elsewhere.
    names: of the categories.
    count: pictures.
    title: of the figure.
  """
  count = min(count, len(squares.images))
  lines = math.ceil(count / _COLUMNS)
  figure = figures.blank(2.1 * _COLUMNS, 2.6 * lines + 0.5)
  grid = figure.subplots(lines, _COLUMNS, squeeze=False).ravel()
  right = pointing_scores.right(said, squares.true)
  for axes in grid:
    axes.set_axis_off()
  for i, axes in zip(range(count), grid, strict=False):
    image = squares.images[i]
    color = figures.GREEN if right[i] else figures.RED
    axes.imshow(image)
    sides = np.array(image.shape[1::-1] * 2)
    for one, edge, style in (
      (squares.true, 'white', '--'), (said, color, '-')
    ):  # fmt: skip
      if one.category[i] >= 0:
        _frame(axes, one.boxes[i] * sides, edge, style)
    words = textwrap.wrap(f'“{squares.texts[i]}”', 26)
    axes.set_title(
      '\n'.join(map(figures.drawable, words)), fontsize=8, parse_math=False
    )
    axes.text(
      0.5,
      -0.03,
      _caption(squares.true, said, i, names),
      fontsize=7.5,
      color=color,
      ha='center',
      va='top',
      transform=axes.transAxes,
      parse_math=False,
    )
  figures.finish(figure, path, title=title)


def _caption(true: Answers, said: Answers, i: int, names: Sequence[str]) -> str:
  words = [
    str(names[one.category[i]]) if one.category[i] >= 0 else 'nothing'
    for one in (said, true)
  ]
  text = words[0] if words[0] == words[1] else f'{words[0]} (is {words[1]})'
  if min(one.category[i] for one in (said, true)) < 0:
    return text
  away = np.linalg.norm(said.places[i] - true.places[i])
  return f'{text}, {away:.1f} m off'


def _frame(axes: Axes, box: np.ndarray, color: str, style: str) -> None:
  w, h = box[2:] - box[:2]
  corner = float(box[0]) - 0.5, float(box[1]) - 0.5
  axes.add_patch(
    Rectangle(
      corner, float(w), float(h), fill=False, color=color, linestyle=style,
      linewidth=1.5,
    )
  )  # fmt: skip
