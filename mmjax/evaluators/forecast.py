"""How far forecasts are from what came, beside those that anybody can make."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn import linear_model

from mmjax.evaluators import forecast_figures, rows
from mmjax.metrics import Evaluation

_Columns = dict[str, np.ndarray]
_SEASON = 7  # days


@dataclasses.dataclass(frozen=True, kw_only=True)
class Forecast:
  """Mean absolute scaled error (MASE) of a series' next values.

  The error over that of `x[t] = x[t - 7]` in the past of the same series, the
  mean over series: Another look at measures of forecast accuracy
  (https://doi.org/10.1016/j.ijforecast.2006.03.001). The batch has `future`,
  `usual` and `change`, which is their difference and what the head predicts,
  and `seasonal_error`, that error of the past: see
  `mmjax/data/datasets/demand.py`.

  Gives `{name}/mase` and `{name}/mae`, and the MASE of others, on the same
  series: `without_text_mase`, the model itself; `seasonal_naive_mase`, the last
  week again; `usual_mase`; `ridge_mase`, a linear model of the past alone, and
  `ridge_words_mase`, of the past and the number of each word, both fitted on
  the training split; and `noise_mase`, which is left to who knows all.
  """

  head: str = 'change'
  """Head whose numbers are scored."""
  name: str = 'forecast'
  """Prefix of the numbers."""
  fit_on: int = 16_384
  """Training examples that the linear models see."""
  text_of: Callable[[int], str] | None = None
  """Row of the test split -> its text, for the figure."""

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split.

    Args:
      predict: the forward pass.
      batches: `(view, split)` -> evaluation batches.
      classes: not looked at.

    Returns:
      The numbers, and a figure of some series.

    Raises:
      InputError: a key or head does not exist.
    """
    del classes
    known = _columns(batches('default', 'train'), most=self.fit_on)
    asked = _columns(batches('default'), self._ask(predict))
    words = np.unique(known['text'][known['text_mask']])
    forecasts = {
      '': asked['model'],
      'without_text_': asked['without_text'],
      'seasonal_naive_': _last_week(asked),
      'usual_': asked['usual'],
      'ridge_': _ridge(known, asked, _past),
      'ridge_words_': _ridge(
        known, asked, functools.partial(_past_and_words, words=words)
      ),
      'noise_': asked['expected'],
    }
    errors = {
      key: np.abs(one - asked['future']).mean(axis=1)
      for key, one in forecasts.items()
    }
    numbers = {
      f'{key}mase': (error / asked['seasonal_error']).mean()
      for key, error in errors.items()
    }
    numbers['mae'] = errors[''].mean()
    draw = functools.partial(self._draw, forecasts=forecasts, asked=asked)
    return Evaluation(
      {f'{self.name}/{key}': float(x) for key, x in numbers.items()},
      {self.name: draw},
    )

  def _ask(self, predict: rows.Predict) -> Callable[[Any], _Columns]:
    def ask(batch: Any) -> _Columns:
      usual = rows.column(batch, 'usual')
      found = {}
      for name, only in (('model', ()), ('without_text', ('sensor', 'days'))):
        logits = predict(rows.only(batch, only))['logits']
        change = rows.host(rows.pick(logits, self.head, what='head'))
        found[name] = usual + change
      return found

    return ask

  def _draw(self, path, *, forecasts, asked) -> None:
    # Those that the text changes most: of the others there is little to see.
    moved = np.abs(forecasts[''] - forecasts['without_text_']).mean(axis=1)
    # One of each kind of event.
    shown = [
      max(np.flatnonzero(asked['kind'] == kind), key=lambda i: moved[i])
      for kind in np.unique(asked['kind'])
    ]
    series = [
      forecast_figures.Series(
        past=asked['sensor'][i, -28:, 0],
        future=asked['future'][i],
        forecast=forecasts[''][i],
        without=forecasts['without_text_'][i],
        text=self.text_of(int(asked['index'][i])) if self.text_of else '',
      )
      for i in shown
    ]
    forecast_figures.draw(path, series)


def _columns(
  batches: Any,
  ask: Callable[[Any], _Columns] = lambda batch: {},
  *,
  most: int | None = None,
) -> _Columns:
  """The real rows' arrays, and what else is asked of each batch."""
  names = (
    'sensor', 'text', 'usual', 'future', 'expected', 'change',
    'seasonal_error', 'kind', 'index',
  )  # fmt: skip
  parts, count = [], 0
  for batch in batches:
    real = rows.real(batch)
    found = {name: rows.column(batch, name) for name in names}
    found['text_mask'] = rows.column(batch['mask'], 'text')
    parts.append({k: x[real] for k, x in {**found, **ask(batch)}.items()})
    count += real.sum()
    if most is not None and count >= most:
      break
  return {key: np.concatenate([one[key] for one in parts]) for key in parts[0]}


def _last_week(asked: _Columns) -> Float[np.ndarray, 'b days']:
  past = asked['sensor'][..., 0]
  repeats = -(-asked['future'].shape[1] // _SEASON)
  return np.tile(past[:, -_SEASON:], repeats)[:, : asked['future'].shape[1]]


def _ridge(known: _Columns, asked: _Columns, features: Callable) -> np.ndarray:
  model = linear_model.Ridge(alpha=1.0).fit(features(known), known['change'])
  return asked['usual'] + model.predict(features(asked))


def _past(rows: _Columns) -> Float[np.ndarray, 'b features']:
  weekday = rows['sensor'][:, -1, 1:]
  return np.concatenate([rows['sensor'][..., 0], rows['usual'], weekday], 1)


def _past_and_words(
  rows: _Columns, *, words: Int[np.ndarray, ' words']
) -> Float[np.ndarray, 'b features']:
  real: Bool[np.ndarray, 'b t'] = rows['text_mask']
  counts = [((rows['text'] == word) & real).sum(axis=1) for word in words]
  return np.concatenate([_past(rows), np.stack(counts, axis=1)], axis=1)
