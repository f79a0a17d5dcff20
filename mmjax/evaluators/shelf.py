"""Histories as strips of pictures, and what was recommended after them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8
from matplotlib.axes import Axes

from mmjax.evaluators.figures import (
  FAINT,
  GREEN,
  INK,
  QUIET,
  blank,
  drawable,
  finish,
)

_PAST, _FOUND = 7, 6


class Line(NamedTuple):
  """A history and what followed.

  Attributes:
    history: numbers of items, in order.
    found: those that are recommended, best first.
    target: the one that was watched.
  """

  history: Int[np.ndarray, ' n']
  found: Int[np.ndarray, ' k']
  target: int


def draw(
  path: Path,
  lines: Sequence[Line],
  *,
  images: UInt8[np.ndarray, 'n h w c'],
  titles: Sequence[str],
) -> None:
  """Draws a line for each history: its end, the best found, what was watched.

  Args:
    path: PNG that is written.
    lines: from top to bottom.
    images: pictures of all items.
    titles: names of all items.
  """
  widths = [1] * _PAST + [0.25] + [1] * _FOUND + [0.25, 1]
  figure = blank(0.85 * sum(widths), 1.12 * len(lines) + 0.8)
  grid = figure.add_gridspec(len(lines), len(widths), width_ratios=widths)
  for i, line in enumerate(lines):
    past = line.history[-_PAST:]
    columns = [
      *zip(range(_PAST - len(past), _PAST), past, strict=True),
      *enumerate(line.found[:_FOUND], start=_PAST + 1),
      (len(widths) - 1, line.target),
    ]
    for column, item in columns:
      axes = figure.add_subplot(grid[i, column])
      right = column > _PAST and int(item) == line.target
      _thing(axes, images[item], titles[int(item)], right=right)
      if i == 0 and column in (_PAST - 1, _PAST + 1, len(widths) - 1):
        head = {_PAST - 1: 'watched last', _PAST + 1: 'recommended'}
        axes.set_title(head.get(column, 'watched'), fontsize=8, color=QUIET)
  finish(figure, path, title='What users watched, and what was recommended')


def _thing(axes: Axes, image: np.ndarray, title: str, *, right: bool) -> None:
  axes.imshow(image, interpolation='nearest')
  axes.set_xticks([])
  axes.set_yticks([])
  axes.spines[:].set(
    color=GREEN if right else FAINT, linewidth=3 if right else 1
  )
  short = title if len(title) <= 16 else f'{title[:15]}…'
  axes.set_xlabel(
    drawable(short), fontsize=5.5, color=INK, parse_math=False, labelpad=2
  )
