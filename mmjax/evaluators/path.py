"""How far a predicted path is from the one that was taken."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from mmjax.evaluators import rows
from mmjax.evaluators.figures import BLUE, INK, QUIET, RED, blank, finish
from mmjax.metrics import Evaluation

_SHOWN = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Path:
  """Average and final displacement error (ADE, FDE), in metres.

  The mean distance over waypoints, and that of the last one, as for motion
  forecasting (https://arxiv.org/abs/1911.02620). The batch has `path`, and
  `straight` and `turning` to compare with; the head predicts `(path - straight)
  / std`: see `mmjax/data/datasets/driving.py`.

  Gives `{name}/ade` and `/fde` on the first view, and of the same drives
  `straight_ade` (constant velocity), `turning_ade` (constant turn rate and
  velocity), `alone_ade` (the model with one modality only) and their FDE;
  `unseen_ade` and `unseen_turning_ade` on those that are `unseen`; and
  `{view}_ade`, `{view}_turning_ade` on the other views.
  """

  head: str = 'path'
  """Head whose numbers are scored."""
  std: float = 1.0
  """What the objective divides the targets by."""
  views: tuple[str, ...] = ('default',)
  """Layouts of the split; the first one has all sensors."""
  alone: str = 'sensor'
  """The modality that the model gets to see alone."""
  name: str = 'path'
  """Prefix of the numbers."""

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split.

    Args:
      predict: the forward pass.
      batches: view name -> evaluation batches.
      classes: not looked at.

    Returns:
      The numbers, and a figure of some drives.

    Raises:
      InputError: a key, view or head does not exist.
    """
    del classes
    view, *others = self.views
    found = self._run(predict, batches(view))
    numbers = {}
    for prefix, key in (
      ('', 'model'), ('straight_', 'straight'), ('turning_', 'turning'),
      ('alone_', 'alone'),
    ):  # fmt: skip
      error = _error(found, key)
      numbers[f'{prefix}ade'] = error.mean()
      numbers[f'{prefix}fde'] = error[:, -1].mean()
    unseen = found['unseen'] > 0
    if unseen.any():
      numbers['unseen_ade'] = _error(found, 'model')[unseen].mean()
      numbers['unseen_turning_ade'] = _error(found, 'turning')[unseen].mean()
    for other in others:
      failing = self._run(predict, batches(other))
      numbers[f'{other}_ade'] = _error(failing, 'model').mean()
      numbers[f'{other}_turning_ade'] = _error(failing, 'turning').mean()
    return Evaluation(
      {f'{self.name}/{key}': float(x) for key, x in numbers.items()},
      {self.name: functools.partial(_draw, found=found)},
    )

  def _run(self, predict: rows.Predict, batches: Any) -> dict[str, np.ndarray]:
    parts = []
    for batch in batches:
      real = rows.real(batch)
      names = ('path', 'straight', 'turning', 'unseen')
      one = {name: rows.column(batch, name) for name in names}
      one['frame'] = rows.column(batch, 'video')[:, -1]
      for name, only in (('model', ()), ('alone', (self.alone,))):
        logits = predict(rows.only(batch, only))['logits']
        change = rows.host(rows.pick(logits, self.head, what='head'))
        one[name] = one['straight'] + self.std * change
      parts.append({key: x[real] for key, x in one.items()})
    return {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}


def _error(
  found: Mapping[str, np.ndarray], key: str
) -> Float[np.ndarray, 'b waypoints']:
  away = (found[key] - found['path']).reshape(len(found['path']), -1, 2)
  return np.linalg.norm(away, axis=-1)


def _draw(path: File, *, found: Mapping[str, np.ndarray]) -> None:
  """The last frame and, from above, the path: each second is drawn apart."""
  # Where something happens: half of them those that turning misses most.
  order = np.argsort(-_error(found, 'turning').mean(axis=1))
  shown = order[:: max(1, len(order) // (2 * _SHOWN))][:_SHOWN]
  figure = blank(11.0, 5.6)
  panels = figure.subplots(2, 2 * (_SHOWN // 2), width_ratios=(3, 1) * 4)
  for i, (frame, plan) in zip(shown, panels.reshape(-1, 2), strict=False):
    frame.imshow(found['frame'][i])
    frame.axis('off')
    _plan(plan, {key: x[i] for key, x in found.items()})
  labels = {'path': INK, 'model': BLUE, 'turning': RED}
  for label, color in labels.items():
    panels[0, 1].plot([], [], color=color, label=label)
  figure.legend(
    labels=['truth', 'model', 'constant turn rate'],
    handles=panels[0, 1].lines[-3:],
    loc='outside lower center', ncols=3, frameon=False, fontsize=9,
  )  # fmt: skip
  ade = _error(found, 'model').mean()
  title = (
    f'The last frame, and the next two seconds from above: ADE {ade:.2f} m'
  )
  finish(figure, path, title=title)


def _plan(axes: Axes, one: Mapping[str, np.ndarray]) -> None:
  for key, color, style in (
    ('turning', RED, ':'), ('model', BLUE, '-'), ('path', INK, '')
  ):  # fmt: skip
    x, y = np.concatenate([[[0, 0]], one[key].reshape(-1, 2)]).T
    marker = 'o' if key == 'path' else ''
    axes.plot(-y, x, color=color, linestyle=style, marker=marker, markersize=3)
  axes.set_xlim(-8, 8)
  axes.set_ylim(0, max(10.0, 1.1 * one['path'][-2], 1.1 * one['turning'][-2]))
  axes.set_xticks([])
  axes.tick_params(labelsize=7, colors=QUIET)
