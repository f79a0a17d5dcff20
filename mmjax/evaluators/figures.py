"""Figures of a report, each drawn into one PNG; no global matplotlib state."""

import functools
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from mmjax.data import mel

INK = '#1f2933'
QUIET = '#7b8794'
FAINT = '#cbd2d9'
PAPER = '#ffffff'
BLUE = '#2f6fb7'
PALE_BLUE = '#a9c7e8'
GREEN = '#2e8b57'
RED = '#c8453b'
DPI = 120


class Cell(NamedTuple):
  """One picture of the gallery.

  Attributes:
    modality: `image`, `audio` or `text`; decides how it is drawn.
    value: pixels `[h w c]`, samples at 16 kHz, or a string.
    right: frames it green or red; None leaves it grey.
    caption: stands below.
  """

  modality: str
  value: Any
  right: bool | None
  caption: str = ''


def confusion(
  path: Path,
  *,
  counts: Int[np.ndarray, 'c c'],
  names: Sequence[str],
  title: str,
) -> None:
  """Draws how often each class (row) was called each class (column).

  Args:
    path: PNG that is written.
    counts: examples by true class and predicted class.
    names: of the classes.
    title: of the figure; accuracy and number of examples are added below.
  """
  n = len(names)
  side = min(max(0.44 * n, 2.6), 22)
  label = max(len(name) for name in names) * 0.085
  figure = blank(side + label + 1.2, side + label + 1.3)
  axes = figure.add_subplot()
  share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
  axes.imshow(share, cmap='Blues', vmin=0, vmax=1.15)
  labels = [drawable(name) for name in names]
  upright = 90 if max(map(len, labels)) > 4 else 0
  axes.set_xticks(range(n), labels, rotation=upright, parse_math=False)
  axes.set_yticks(range(n), labels, parse_math=False)
  axes.tick_params(length=0, labelsize=9, labelcolor=INK)
  axes.spines[:].set_color(FAINT)
  axes.set_xlabel('predicted', color=QUIET)
  axes.set_ylabel('truth', color=QUIET)
  for edge in range(1, n):
    axes.axhline(edge - 0.5, color=PAPER, linewidth=1)
    axes.axvline(edge - 0.5, color=PAPER, linewidth=1)
  for i, j in np.argwhere(counts):
    axes.text(
      j,
      i,
      str(counts[i, j]),
      ha='center',
      va='center',
      fontsize=9 if counts[i, j] < 1000 else 7,
      color=PAPER if share[i, j] > 0.55 else INK,
    )
  total, right = counts.sum(), np.trace(counts)
  note = f'{right / max(total, 1):.1%} of {total} examples right'
  finish(figure, path, title=f'{title}\n{note}')


def accuracies(
  path: Path,
  *,
  values: Mapping[str, float],
  chance: float,
  count: int,
  title: str,
) -> None:
  """Draws accuracy as bars, one for each set of modalities.

  Args:
    path: PNG that is written.
    values: name -> accuracy; the last one is drawn strongest.
    chance: accuracy of always answering the commonest class.
    count: number of examples.
    title: of the figure.
  """
  figure = blank(7.2, 1.6 + 0.46 * len(values))
  axes = figure.add_subplot()
  where = np.arange(len(values))[::-1]
  strong = list(values)[-1]
  axes.barh(
    where,
    list(values.values()),
    height=0.68,
    color=[BLUE if name == strong else PALE_BLUE for name in values],
  )
  for y, value in zip(where, values.values(), strict=True):
    axes.text(value + 0.012, y, f'{value:.1%}', va='center', color=INK)
  axes.axvline(chance, color=RED, linestyle=(0, (4, 3)), linewidth=1.4)
  axes.annotate(
    f'commonest class {chance:.1%}',
    (chance, -0.5),
    xytext=(4, -2),
    textcoords='offset points',
    va='top',
    color=RED,
    fontsize=9,
  )
  labels = [drawable(name).replace('+', ' + ') for name in values]
  axes.set_yticks(where, labels, parse_math=False, fontsize=11)
  axes.set_xlim(0, 1.1)
  axes.set_ylim(-0.95, len(values) - 0.45)
  axes.set_xticks(
    np.linspace(0, 1, 6), [f'{x:.0%}' for x in np.linspace(0, 1, 6)]
  )
  axes.tick_params(length=0, labelcolor=INK)
  axes.grid(axis='x', color=FAINT, linewidth=0.6)
  axes.set_axisbelow(True)
  axes.spines[:].set_visible(False)
  finish(figure, path, title=f'{title} ({count} examples)')


def gallery(
  path: Path,
  *,
  lines: Sequence[Sequence[Cell]],
  heads: Sequence[str],
  title: str,
) -> None:
  """Draws one line for each query: itself, what it found, the right answer.

  Args:
    path: PNG that is written.
    lines: cells from left to right; the first and last stand a bit apart.
    heads: titles of the columns.
    title: of the figure.
  """
  below = 0.22 if any(cell.caption for line in lines for cell in line) else 0
  figure = blank(2.15 * len(heads), (1.65 + below) * len(lines) + 0.8)
  # Narrow empty columns set the question and the answer apart.
  middle = len(heads) - 2
  grid = figure.add_gridspec(
    len(lines), len(heads) + 2, width_ratios=[1, 0.08, *[1] * middle, 0.08, 1]
  )
  columns = [0, *range(2, 2 + middle), middle + 3]
  for i, line in enumerate(lines):
    places = [*range(len(line) - 1), len(heads) - 1]
    for j, cell in zip(places, line, strict=True):
      axes = figure.add_subplot(grid[i, columns[j]])
      _draw_cell(axes, cell)
      if i == 0:
        axes.set_title(heads[j], fontsize=10, color=QUIET)
  finish(figure, path, title=title)


def drawable(text: str) -> str:
  """The text with what the font cannot show as U+FFFD, and no line breaks."""
  known = _characters()
  return ''.join(
    c if ord(c) in known else '\ufffd' for c in ' '.join(text.split())
  )


@functools.cache
def _characters() -> frozenset[int]:
  """Code points in the font that matplotlib draws with."""
  from matplotlib.font_manager import FontProperties, findfont
  from matplotlib.ft2font import FT2Font

  return frozenset(FT2Font(findfont(FontProperties())).get_charmap())


def blank(width: float, height: float) -> Any:
  """An empty figure of so many inches, of matplotlib."""
  # Here, because it takes long, and a run draws at its end.
  from matplotlib.figure import Figure
  from matplotlib.layout_engine import ConstrainedLayoutEngine

  return Figure(
    figsize=(width, height),
    dpi=DPI,
    layout=ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.05),
    facecolor=PAPER,
  )


def write(axes: Any, lines: Sequence[tuple[str, str]], *, apart: float) -> None:
  """Writes lines, each with its colour, from the top of some axes.

  Args:
    axes: of matplotlib.
    lines: text and colour.
    apart: from one line to the next, as a share of the height.
  """
  for i, (text, color) in enumerate(lines):
    axes.text(
      0.0,
      0.95 - apart * i,
      drawable(text),
      va='top',
      fontsize=9,
      color=color,
      parse_math=False,
      transform=axes.transAxes,
    )


def finish(figure: Any, path: Path, *, title: str) -> None:
  """Sets the title and writes the PNG."""
  lines = [drawable(line) for line in title.split('\n')]
  figure.suptitle('\n'.join(lines), fontsize=12, color=INK, parse_math=False)
  figure.savefig(path, format='png')


def _draw_cell(axes: Any, cell: Cell) -> None:
  axes.set_xticks([])
  axes.set_yticks([])
  if cell.modality == 'image':
    pixels = np.asarray(cell.value)
    if pixels.dtype != np.uint8:
      pixels = np.clip(np.nan_to_num(pixels.astype(np.float32)), 0, 1)
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    white = 255 if pixels.dtype == np.uint8 else 1
    axes.imshow(
      pixels, cmap='gray', vmin=0, vmax=white, interpolation='nearest'
    )
  elif cell.modality == 'audio':
    samples = np.nan_to_num(np.asarray(cell.value))
    # At most 10 ms from frame to frame, less where the sound is short.
    hop = int(np.clip(samples.size // 100, 16, 160))
    power = mel.mel_spectrogram(samples, hop=hop)
    axes.imshow(
      mel.decibels(power), cmap='magma', origin='lower', aspect='auto'
    )
  else:
    text = cell.value if cell.modality == 'text' else f'({cell.modality})'
    lines = textwrap.wrap(drawable(text), 17, max_lines=5, placeholder='…')
    axes.text(
      0.5,
      0.5,
      '\n'.join(lines),
      ha='center',
      va='center',
      fontsize=10,
      color=INK,
      parse_math=False,
      transform=axes.transAxes,
    )
  axes.set_xlabel(
    drawable(cell.caption), fontsize=9, color=QUIET, parse_math=False
  )
  color = {True: GREEN, False: RED, None: FAINT}[cell.right]
  axes.spines[:].set(color=color, linewidth=1 if cell.right is None else 3)
  if cell.right is not None:
    axes.text(
      1.0,
      1.0,
      '✓' if cell.right else '✗',
      ha='right',
      va='top',
      fontsize=11,
      color=PAPER,
      transform=axes.transAxes,
      bbox={'boxstyle': 'square,pad=0.15', 'color': color},
    )
