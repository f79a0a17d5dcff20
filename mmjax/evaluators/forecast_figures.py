"""Series, what was said of their future, and what became of it."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from mmjax.evaluators.figures import (
  BLUE,
  FAINT,
  INK,
  QUIET,
  RED,
  blank,
  drawable,
)

_COLUMNS = 2


class Series(NamedTuple):
  """One panel.

  Attributes:
    past: the last values that were known.
    future: those that came.
    forecast: of the model.
    without: of the model that does not get to see the text.
    text: what was said.
  """

  past: Float[np.ndarray, ' past']
  future: Float[np.ndarray, ' days']
  forecast: Float[np.ndarray, ' days']
  without: Float[np.ndarray, ' days']
  text: str


def draw(path: Path, series: Sequence[Series]) -> None:
  """Draws each series into a panel of its own.

  Args:
    path: PNG that is written.
    series: at least one.
  """
  lines = -(-len(series) // _COLUMNS)
  figure = blank(9.0, 1.9 * lines)
  panels = figure.subplots(lines, _COLUMNS, squeeze=False, sharex=True)
  for panel in panels.flat:
    panel.set_visible(False)
  for panel, one in zip(panels.flat, series, strict=False):
    panel.set_visible(True)
    before = np.arange(-len(one.past) + 1, 1)
    coming = np.arange(1, len(one.future) + 1)
    panel.axvline(0.5, color=FAINT)
    panel.plot(before, one.past, color=QUIET, linewidth=1)
    panel.plot(coming, one.without, color=RED, linestyle=':', linewidth=1.2)
    panel.plot(coming, one.forecast, color=BLUE, linewidth=1.6)
    panel.plot(coming, one.future, 'o', color=INK, markersize=2.5)
    title = textwrap.shorten(drawable(one.text) or '(nothing said)', 130)
    panel.set_title(
      '\n'.join(textwrap.wrap(title, 68)), fontsize=7, loc='left', color=INK
    )
    panel.tick_params(labelsize=7, colors=QUIET)
    panel.set_ylim(bottom=0)
    for side in ('top', 'right'):
      panel.spines[side].set_visible(False)
  figure.supxlabel('days from today', fontsize=8, color=QUIET)
  handles = [
    panels[0, 0].lines[i] for i in (1, 4, 3, 2)
  ]  # fmt: skip
  names = ('past', 'what came', 'forecast', 'forecast without the text')
  figure.legend(
    handles, names, loc='outside upper center', ncols=4, fontsize=8,
    frameon=False,
  )  # fmt: skip
  figure.savefig(path, format='png')
