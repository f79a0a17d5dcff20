"""Forecasts: scaled errors, and those of forecasts that anybody can make."""

import numpy as np
import pytest

from mmjax.data import pipeline
from mmjax.data.datasets.demand import Demand
from mmjax.evaluators.forecast import Forecast

DATA = Demand(examples={'train': 3000, 'validation': 8, 'test': 500})


def batches(view, split='test'):
  return pipeline.eval_batches(DATA, split, batch_size=128, view=view)


def knows_with_text(batch):
  """Right where there is a text, half of it elsewhere."""
  there = batch['mask']['text'].any(axis=1)
  change = np.where(there[:, None], batch['change'], batch['change'] / 2)
  return {'logits': {'change': change}}


@pytest.fixture(scope='module')
def found():
  return Forecast(text_of=lambda row: DATA.text('test', row))(
    knows_with_text, batches, {}
  )


def test_errors_are_those_of_the_definition(found):
  rows = [DATA.prepare(one, None) for one in DATA.source('test')]
  scaled, errors, naive = [], [], []
  for row in rows:
    given = row['usual'] + row['change'] * (
      1 if row['mask']['text'].any() else 0.5
    )
    error = np.abs(given - row['future']).mean()
    errors.append(error)
    scaled.append(error / row['seasonal_error'])
    week = np.tile(row['sensor'][-7:, 0], 2)
    naive.append(np.abs(week - row['future']).mean() / row['seasonal_error'])
  numbers = {
    key.removeprefix('forecast/'): x for key, x in found.numbers.items()
  }
  assert numbers['mae'] == pytest.approx(np.mean(errors), rel=1e-4)
  assert numbers['mase'] == pytest.approx(np.mean(scaled), rel=1e-4)
  assert numbers['seasonal_naive_mase'] == pytest.approx(
    np.mean(naive), rel=1e-4
  )
  halves = [np.abs(r['change'] / 2).mean() / r['seasonal_error'] for r in rows]
  assert numbers['without_text_mase'] == pytest.approx(
    np.mean(halves), rel=1e-4
  )


def test_linear_models_are_better_with_words_and_far_from_all(found):
  numbers = found.numbers
  order = ('noise', 'ridge_words', 'ridge', 'usual')
  values = [numbers[f'forecast/{name}_mase'] for name in order]
  assert values == sorted(values)
  # What they cannot do is what is left to a model.
  assert values[1] > 2 * values[0]


def test_the_figure_is_drawn(found, tmp_path):
  found.figures['forecast'](tmp_path / 'forecast.png')
  assert (tmp_path / 'forecast.png').stat().st_size > 20_000
