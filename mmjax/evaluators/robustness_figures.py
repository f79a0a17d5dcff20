"""The curves of `Robustness`: accuracy against what disturbs a modality."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmjax.evaluators import figures
from mmjax.evaluators.figures import BLUE, FAINT, GREEN, INK, QUIET, RED

_COLORS = (BLUE, '#d9822b', GREEN, '#8a5bb0', '#4aa6a6', '#a8623a')
_PANELS = {
  'noise': 'level of noise on one modality',
  'mismatch': 'share of examples with one modality of another',
}


def curves(path: Path, *, table: Mapping[str, Any]) -> None:
  """Draws noise, mismatch and missing modalities side by side.

  Args:
    path: PNG that is written.
    table: as in `report/robustness.json`.
  """
  missing = table['missing']
  figure = figures.blank(12.6 if missing else 8.4, 3.9)
  panels = figure.subplots(1, 3 if missing else 2, squeeze=False)[0]
  for axes, (kind, label) in zip(panels, _PANELS.items(), strict=False):
    for i, (name, curve) in enumerate(table[kind].items()):
      axes.plot(
        curve['level'],
        curve['accuracy'],
        color=_COLORS[i % len(_COLORS)],
        marker='o',
        markersize=4,
        linewidth=1.8,
        label=figures.drawable(name),
      )
    axes.axhline(
      table['chance'], color=RED, linestyle=(0, (4, 3)), linewidth=1.2
    )
    axes.set_xlabel(label, fontsize=9.5, color=QUIET)
    axes.set_ylim(0, 1.03)
    axes.legend(frameon=False, fontsize=9.5, loc='lower left')
  if missing:
    axes = panels[2]
    bars = {**missing, 'all': table['clean']}
    where = np.arange(len(bars))[::-1]
    axes.barh(where, list(bars.values()), height=0.66, color=BLUE)
    labels = [figures.drawable(x).replace('+', ' + ') for x in bars]
    axes.set_yticks(where, labels, parse_math=False)
    for y, value in zip(where, bars.values(), strict=True):
      axes.text(value + 0.01, y, f'{value:.1%}', va='center', fontsize=9)
    axes.axvline(
      table['chance'], color=RED, linestyle=(0, (4, 3)), linewidth=1.2
    )
    axes.set_xlim(0, 1.18)
    axes.set_xlabel('what is present', fontsize=9.5, color=QUIET)
  for axes in panels:
    axes.tick_params(labelsize=9, labelcolor=INK, color=FAINT)
    axes.grid(color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    axes.spines[['left', 'bottom']].set_color(FAINT)
  title = (
    f'Accuracy under noise, mismatch and loss ({table["examples"]} examples; '
    f'dashed: commonest class)'
  )
  figures.finish(figure, path, title=title)
