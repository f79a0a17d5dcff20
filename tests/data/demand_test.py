"""Demand: what is announced happens, and is said in words that can be read."""

import re

import numpy as np
import pytest

from mmjax.data import pipeline
from mmjax.data.datasets import demand_texts
from mmjax.data.datasets.demand import HISTORY, HORIZON, Demand
from mmjax.data.datasets.demand_texts import Event
from mmjax.types import InputError

SMALL = Demand(examples={'train': 600, 'validation': 300, 'test': 300})


def test_an_example_has_what_it_says():
  batch = next(iter(pipeline.eval_batches(SMALL, 'test', batch_size=64)))
  sensor, future = batch['sensor'], batch['future']
  assert sensor.shape == (64, HISTORY, 8)
  assert future.shape == (64, HORIZON)
  np.testing.assert_allclose(sensor[:, -28:, 0].mean(axis=1), 1, rtol=1e-5)
  np.testing.assert_array_equal(sensor[:, :, 1:].sum(axis=2), 1)
  # Weekdays follow each other.
  days = sensor[:, :, 1:].argmax(axis=2)
  np.testing.assert_array_equal((days[:, 1:] - days[:, :-1]) % 7, 1)
  for day in range(HORIZON):
    same = [HISTORY + day % 7 - 7 * back for back in (1, 2, 3, 4)]
    usual = sensor[:, same, 0].mean(axis=1)
    np.testing.assert_allclose(batch['usual'][:, day], usual, rtol=1e-5)
  np.testing.assert_allclose(
    batch['change'], future - batch['usual'], atol=1e-6
  )
  weekly = np.abs(sensor[:, 7:, 0] - sensor[:, :-7, 0]).mean(axis=1)
  np.testing.assert_allclose(batch['seasonal_error'], weekly, rtol=1e-5)
  silent = batch['kind'] == len(demand_texts.KINDS)
  np.testing.assert_array_equal(batch['mask']['text'].any(axis=1), ~silent)
  assert 0.15 < silent.mean() < 0.55


def test_splits_differ_and_never_change():
  one, again, other = (
    next(iter(pipeline.eval_batches(SMALL, split, batch_size=4)))
    for split in ('test', 'test', 'validation')
  )
  np.testing.assert_array_equal(one['sensor'], again['sensor'])
  np.testing.assert_array_equal(one['text'], again['text'])
  assert not np.array_equal(one['sensor'], other['sensor'])


@pytest.mark.parametrize(
  ('event', 'factors'),
  [
    (Event('strike', 1, 2), [1, 0.3, 0.3, 1, 1, 1]),
    (Event('closure', 0, 2), [0, 0, 1.5, 1.5, 1, 1]),
    (Event('holiday', 2, 1), [1, 1.3, 0.4, 1, 1, 1]),
    (Event('rival', 4, None), [1, 1, 1, 1, 0.65, 0.65]),
    (Event('promotion', 4, 5), [1, 1, 1, 1, 1.6, 1.6]),
    (Event('chatter', 0, 4), [1, 1, 1, 1, 1, 1]),
  ],
)
def test_what_events_do(event, factors):
  np.testing.assert_array_equal(demand_texts.effect(event, 6), factors)


def test_days_are_named_from_today_on():
  rng = np.random.default_rng(0)
  event = Event('strike', 2, 3)  # from the third coming day to the fifth
  texts = {
    demand_texts.announce(event, 4, rng, held_out=False) for _ in range(200)
  }
  said = ' '.join(texts)
  assert 'strike at the port' in said
  # Today is Friday, the first coming day Saturday.
  assert 'on Monday' in said
  assert 'until the end of Wednesday' in said
  counted = re.findall(r'\b(?:in|for) (?:3|three) days', said)
  assert set(counted) == {
    'in 3 days', 'in three days', 'for 3 days', 'for three days'
  }  # fmt: skip


def test_wordings_are_held_out_and_words_are_not():
  texts = {
    split: [SMALL.text(split, row) for row in range(SMALL.examples[split])]
    for split in ('train', 'test')
  }
  words = {
    split: set(re.findall(r'[a-z]+', ' '.join(found).lower()))
    for split, found in texts.items()
  }
  assert words['test'] <= words['train']
  for kind in demand_texts.KINDS.values():
    for name in kind.names[-2:]:
      assert not any(f'{name} ' in text for text in texts['train'] if name)
  assert any('will be there' in text for text in texts['test'])
  assert not any('will be there' in text for text in texts['train'])
  assert max(len(re.findall(r'\w+|[^\w\s]', t)) for t in texts['train']) <= 40


def test_the_past_says_nothing_of_the_announced():
  # Otherwise no words would be needed.
  batch = next(iter(pipeline.eval_batches(Demand(), 'test', batch_size=2048)))
  shock = (batch['future'] - batch['usual']).mean(axis=1)
  last = batch['sensor'][:, -7:, 0].mean(axis=1)
  strike = batch['kind'] == 1
  assert shock[strike].mean() < -0.1
  assert abs(last[strike].mean() - last.mean()) < 0.05


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'noise': -0.1}, 'noise -0.1 is negative'),
    ({'examples': {'train': 8, 'validation': 8}}, 'examples has none of test'),
  ],
)
def test_bad_fields_are_refused(fields, message):
  with pytest.raises(InputError, match=message):
    Demand(**fields)
