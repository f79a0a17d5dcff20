"""What `metrics.jsonl` holds, and the curves drawn from it."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Series = Mapping[int, float]
"""Step -> value, in the order of steps."""

INK, QUIET, FAINT = '#1f2933', '#7b8794', '#cbd2d9'
SPLIT_COLORS = {'train': '#2f6fb7', 'val': '#d9822b', 'eval': '#2e8b57'}
COLORS = (
  '#2f6fb7', '#d9822b', '#2e8b57', '#c8453b', '#7a5cb0', '#8a6d3b',
  '#c65b9b', '#4b9cb0',
)  # fmt: skip
# Numbers about the run rather than the model: drawn small, in this order.
RUN = ('learning_rate', 'examples_per_second')
# What a person looks up when a run is slow or fails: not drawn.
NOT_DRAWN = (
  'step_seconds', 'step_seconds_p95', 'data_seconds', 'mfu',
  'host_memory_gib', 'device_memory_gib', 'nonfinite_steps',
)  # fmt: skip
MAX_PANELS = 12


def read_metrics(path: Path) -> dict[str, dict[str, dict[int, float]]]:
  """The curves in a `metrics.jsonl`: split -> name -> step -> value.

  What a killed run left is no obstacle: lines that are not whole JSON objects
  with a step are skipped, and so are values that are not finite numbers. Where
  a resumed run goes back to an earlier step, what stood after it is dropped.

  Args:
    path: one flat JSON object a line, with `step` and `split`; may be missing.

  Returns:
    Series ordered by step.
  """
  curves = defaultdict(lambda: defaultdict(dict))
  last = {}
  text = path.read_bytes().decode('utf-8', 'replace') if path.exists() else ''
  for line in text.splitlines():
    try:
      record = json.loads(line)
      step, split = int(record.pop('step')), str(record.pop('split'))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
      continue
    if step < last.get(split, step):
      for series in curves[split].values():
        for later in [s for s in series if s > step]:
          del series[later]
    last[split] = step
    for name, value in record.items():
      number = isinstance(value, int | float) and not isinstance(value, bool)
      if number and math.isfinite(value):
        curves[split][name][step] = float(value)
  return {
    split: {
      name: dict(sorted(series.items()))
      for name, series in names.items()
      if series
    }
    for split, names in curves.items()
  }


def draw_losses(path: Path, curves: Mapping[str, Mapping[str, Series]]) -> bool:
  """Draws every number logged in training, with validation's of that name.

  Losses come first and large, the learning rate and speed last and small.

  Returns:
    Whether there was anything to draw.
  """
  train = curves.get('train', {})
  names = [name for name in train if name not in RUN + NOT_DRAWN]
  names.sort(key=lambda name: (not name.endswith('loss'), name.count('/')))
  panels = [
    (name, {s: c[name] for s, c in curves.items() if name in c})
    for name in names[:MAX_PANELS]
  ]
  run = [(name, {'train': train[name]}) for name in RUN if name in train]
  if not panels and not run:
    return False
  lines = -(-len(panels) // 2)
  figure = Figure(
    figsize=(9.2, 2.9 * lines + (1.8 if run else 0)),
    dpi=120,
    layout='constrained',
  )
  heights = [2.9] * lines + ([1.8] if run else [])
  grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
  for i, (name, series) in enumerate(panels):
    line, column = divmod(i, 2)
    # A panel alone in its line is as wide as the figure.
    alone = i == len(panels) - 1 and column == 0
    axes = figure.add_subplot(grid[line, :] if alone else grid[line, column])
    _draw(axes, name, series, colors=SPLIT_COLORS)
  for i, (name, series) in enumerate(run):
    axes = figure.add_subplot(
      grid[lines, :] if len(run) == 1 else grid[lines, i]
    )
    _draw(axes, name, series, colors={'train': QUIET})
  figure.savefig(path, format='png')
  return True


def draw_scores(path: Path, curves: Mapping[str, Mapping[str, Series]]) -> bool:
  """Draws what validation measured at more than one step, one panel a metric.

  `fused/accuracy` and `image/accuracy` are two lines of the panel `accuracy`.

  Returns:
    Whether there was anything to draw.
  """
  panels = defaultdict(dict)
  for name, series in curves.get('val', {}).items():
    subject, _, metric = name.rpartition('/')
    known = name in curves.get('train', {}) or metric.startswith('chance_at')
    if len(series) > 1 and not known and name not in RUN:
      panels[metric][subject or metric] = series
  if not panels:
    return False
  order = sorted(panels, key=lambda metric: (metric != 'accuracy', metric))
  order = order[:MAX_PANELS]
  columns = min(2, len(order))
  lines = -(-len(order) // columns)
  figure = Figure(figsize=(9.2, 3.0 * lines), dpi=120, layout='constrained')
  for i, metric in enumerate(order):
    axes = figure.add_subplot(lines, columns, i + 1)
    names = list(panels[metric])
    colors = {n: COLORS[j % len(COLORS)] for j, n in enumerate(names)}
    title = metric if len(names) > 1 else f'{names[0]}: {metric}'
    title = metric if names == [metric] else title
    _draw(axes, f'{title} (validation)', panels[metric], colors=colors)
    if metric == 'accuracy' or metric.startswith('recall_at'):
      axes.set_ylim(0, 1.03)
  figure.savefig(path, format='png')
  return True


def smooth(values: list[float], width: int) -> np.ndarray:
  """Centred running mean over `width` values, fewer at the ends."""
  total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
  where = np.arange(len(values))
  low = np.maximum(where - width // 2, 0)
  high = np.minimum(where + width // 2 + 1, len(values))
  return (total[high] - total[low]) / (high - low)


def _draw(axes: Axes, title: str, series: Mapping[str, Series], *, colors):
  for name, points in series.items():
    steps, values = list(points), list(points.values())
    color = colors.get(name, INK)
    if len(steps) > 60:
      axes.plot(steps, values, color=color, alpha=0.25, linewidth=0.8)
      values = smooth(values, max(len(steps) // 40, 5))
    few = len(steps) <= 15
    axes.plot(
      steps,
      values,
      color=color,
      linewidth=1.8,
      marker='o' if few else None,
      markersize=4,
      label=name,
    )
  axes.set_title(
    title.replace('_', ' ').replace('/', ': '),
    fontsize=11,
    color=INK,
    loc='left',
    parse_math=False,
  )
  axes.set_xlabel('step', fontsize=9, color=QUIET)
  axes.tick_params(labelsize=9, labelcolor=INK, color=FAINT)
  axes.grid(color=FAINT, linewidth=0.5)
  axes.spines[['top', 'right']].set_visible(False)
  axes.spines[['left', 'bottom']].set_color(FAINT)
  axes.margins(x=0.02)
  axes.ticklabel_format(axis='y', style='sci', scilimits=(-3, 4))
  if len(series) > 1:
    for text in axes.legend(frameon=False, fontsize=9).get_texts():
      text.set_parse_math(False)
