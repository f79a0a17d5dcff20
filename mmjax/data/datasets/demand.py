"""Demand: daily orders of a warehouse, and what is said of the coming days.

Generated. A series has a level, a trend, a week of its own shape, shifts in the
past and noise that lasts. Of three examples two have an announcement, some of
which are of no consequence; what it does to the orders depends on what is
announced, on when it begins and on how long it lasts, and the weekdays that it
names have to be counted from today's. So neither the series nor a list of
words is enough.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import demand_texts
from mmjax.data.hashed_words import HashedWords
from mmjax.types import InputError

HISTORY, HORIZON = 56, 14  # days
_ANNOUNCED = 2 / 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demand:
  """Generated examples, each a function of the seed and its row alone.

  Splits have series of their own; validation and test have wordings and names
  of events that training does not have.
  """

  words: Any = HashedWords(length=40, vocabulary=4096)
  """Text to token ids and a mask."""
  noise: float = 0.06
  """Standard deviation of a day's orders, over what is expected."""
  examples: Mapping[str, int] = dataclasses.field(
    default_factory=lambda: {'train': 32_768, 'validation': 1024, 'test': 4096}
  )
  """Examples of each split."""
  seed: int = 0
  """Seed of all of them."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What to do with a record that cannot be read (there is none)."""

  def __post_init__(self):
    """Checks the fields."""
    if self.noise < 0:
      raise InputError(f'noise {self.noise} is negative')
    for split in SPLITS:
      if self.examples.get(split, 0) < 1:
        raise InputError(f'examples has none of {split}')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """What may have been announced."""
    return {'kind': (*demand_texts.KINDS, 'nothing')}

  def check(self) -> None:
    """Nothing to look for."""

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """The numbers of each example's split and row."""
    check_name('split of demand', split, SPLITS)
    check_name('view of demand', view, ('default',))
    number = SPLITS.index(split)
    return [
      {'split': number, 'row': row} for row in range(self.examples[split])
    ]

  def text(self, split: str, row: int) -> str:
    """What is announced in an example; empty if nothing is."""
    return self._draw({'split': SPLITS.index(split), 'row': row})['text']

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One example, the same whenever it is met.

    Orders are in units of the mean of the last four weeks.

    Returns:
      sensor float32 [56 8]: orders of each day and its weekday, one-hot; days
      float32 [14 8]: the same of the coming days, with what is usual; text
      int32 [t]; their masks; usual float32 [14]: the mean of the last four
      same weekdays, for each coming day; future float32 [14]: orders; expected
      float32 [14]: the same without noise, which only the generator knows;
      change float32 [14]: future - usual; seasonal_error float32: mean change
      of the past from week to week, by which MASE divides; kind int32.
    """
    del rng
    drawn = self._draw(example)
    past, weekday = drawn['past'], drawn['weekday']
    level = past[-28:].mean()
    one_hot = np.eye(7)[weekday]
    usual = np.tile(past[-28:].reshape(4, 7).mean(axis=0), 2)
    orders = np.concatenate([past, usual]) / level
    series = np.concatenate([orders[:, None], one_hot], axis=1)
    text, mask = self.words(drawn['text'])
    arrays = {
      'sensor': series[:HISTORY],
      'days': series[HISTORY:],
      'usual': usual / level,
      'future': drawn['future'] / level,
      'expected': drawn['expected'] / level,
      'change': (drawn['future'] - usual) / level,
      'seasonal_error': np.abs(past[7:] - past[:-7]).mean() / level,
    }
    return {
      **{name: np.asarray(x, np.float32) for name, x in arrays.items()},
      'text': text,
      'mask': {
        'sensor': np.ones(HISTORY, bool),
        'days': np.ones(HORIZON, bool),
        'text': mask,
      },
      'kind': np.int32(self.classes['kind'].index(drawn['kind'])),
    }

  def _draw(self, example: Example) -> dict[str, Any]:
    rng = np.random.default_rng((self.seed, example['split'], example['row']))
    days = HISTORY + HORIZON
    first = rng.integers(7)
    weekday = (first + np.arange(days)) % 7
    week = np.exp(0.3 * rng.standard_normal(7))
    trend = 0.003 * rng.standard_normal() * np.arange(days)
    expected = np.exp(4 + 0.5 * rng.standard_normal() + trend) * week[weekday]
    for _ in range(rng.poisson(0.7)):  # nobody has told why
      expected[rng.integers(HISTORY) :] *= np.exp(0.25 * rng.standard_normal())
    kind, text = 'nothing', ''
    if rng.random() < _ANNOUNCED:
      event = demand_texts.draw_event(rng)
      kind = event.kind
      expected[HISTORY:] *= demand_texts.effect(event, HORIZON)
      text = demand_texts.announce(
        event, int(weekday[HISTORY - 1]), rng, held_out=example['split'] > 0
      )
    orders = expected * np.exp(self._noise(rng, days))
    return {
      'past': orders[:HISTORY],
      'future': orders[HISTORY:],
      'expected': expected[HISTORY:],
      'weekday': weekday,
      'kind': kind,
      'text': text,
    }

  def _noise(self, rng: np.random.Generator, days: int) -> np.ndarray:
    """Half of a day's noise is still there on the next."""
    noise = self.noise * rng.standard_normal(days)
    for day in range(1, days):
      noise[day] = 0.5 * noise[day - 1] + np.sqrt(0.75) * noise[day]
    return noise
