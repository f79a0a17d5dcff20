"""A figure of texts: what was wanted, and below it what was found."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from mmjax.evaluators import figures

_WIDTH = 88  # characters of a line
_LINES = 3


def pairs(
  path: Path, *, found: Sequence[str], right: Sequence[str], title: str
) -> None:
  """Draws one pair below the other.

  Args:
    path: PNG that is written.
    found: texts; green where they are right, else red.
    right: as many; at least one.
    title: of the figure.
  """
  blocks = []
  for got, want in zip(found, right, strict=True):
    color = figures.GREEN if got == want else figures.RED
    blocks += [(_wrap(want), figures.INK), (_wrap(got), color), ([''], '')]
  height = sum(len(lines) for lines, _ in blocks)
  figure = figures.blank(8.5, 0.19 * height + 0.7)
  axes = figure.add_subplot()
  axes.set_axis_off()
  axes.set_xlim(0, 1)
  axes.set_ylim(height, 0)
  y = 0
  for lines, color in blocks:
    for line in lines:
      if line:
        axes.text(
          0.0, y, line, va='top', fontsize=10, color=color, parse_math=False
        )
      y += 1
  figures.finish(figure, path, title=title)


def _wrap(text: str) -> list[str]:
  text = figures.drawable(text) or '(nothing)'
  return textwrap.wrap(text, _WIDTH, max_lines=_LINES, placeholder='…')
