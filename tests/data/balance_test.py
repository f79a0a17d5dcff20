"""Balanced sampling: shares, passes, and an order of nothing else."""

import dataclasses

import jax
import numpy as np
import pytest

from mmjax.data import Balance
from mmjax.data.errors import RecordError
from mmjax.data.pipeline import train_batches
from mmjax.types import InputError

EQUAL = Balance(key='label')
COUNTS = {0: 12, 1: 3, 3: 6, -1: 4}
LABELS = np.repeat([*COUNTS], [*COUNTS.values()])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grades:
  """Rows of unequal classes; classes in the raw examples, or only prepared."""

  raw: bool = True
  bad: tuple[int, ...] = ()
  on_error: str = 'raise'

  @property
  def classes(self):
    return {'label': tuple('abcd')}

  def check(self):
    pass

  def source(self, split, view='default'):
    if self.raw:
      return [{'label': label} for label in LABELS]
    return range(len(LABELS))

  def prepare(self, example, rng):
    if not self.raw and example in self.bad:
      raise RecordError('cut short', row=example)
    label = example['label'] if self.raw else LABELS[example]
    draw = rng.random(2) if rng else np.zeros(2)
    return {'label': np.int32(label), 'draw': draw, 'mask': {}}


def _take(n, *, data=None, **more):
  options = {'batch_size': 6, 'seed': 1, 'balance': EQUAL} | more
  with train_batches(data or Grades(), **options) as batches:
    return [next(batches) for _ in range(n)]


def _column(batches, name):
  return np.concatenate([batch[name] for batch in batches])


def test_classes_are_met_equally_often_and_examples_within_them_too():
  batches = _take(12)
  label, index = _column(batches, 'label'), _column(batches, 'index')
  np.testing.assert_array_equal(LABELS[index], label)
  for batch in batches:
    np.testing.assert_array_equal(np.bincount(batch['label']), [2, 2, 0, 2])
  # 24 of each class: two, eight and four passes through its examples.
  for name, count in ((0, 12), (1, 3), (3, 6)):
    passes = index[label == name].reshape(-1, count)
    want = np.flatnonzero(name == LABELS)
    np.testing.assert_array_equal(np.sort(passes), [want] * len(passes))
    assert len(np.unique(passes, axis=0)) > 1
  draws = _column(batches, 'draw')
  assert len(np.unique(draws)) == draws.size


@pytest.mark.parametrize(
  ('power', 'shares'), [(1.0, [12, 3, 6]), (0.5, np.sqrt([12, 3, 6]))]
)
def test_power_goes_from_equal_shares_to_those_of_the_data(power, shares):
  batches = _take(3, batch_size=120, balance=Balance(key='label', power=power))
  counts = np.bincount(_column(batches, 'label'))[[0, 1, 3]]
  want = np.asarray(shares) / np.sum(shares)
  np.testing.assert_allclose(counts / counts.sum(), want, atol=0.01)


@pytest.mark.parametrize('count', [2, 3])
def test_processes_and_resumed_runs_share_one_order(count):
  whole = _take(8)
  parts = [
    _take(
      5,
      batch_size=6 // count,
      start_step=3,
      process_index=p,
      process_count=count,
    )
    for p in range(count)
  ]
  for want, *some in zip(whole[3:], *parts, strict=True):
    got = jax.tree.map(lambda *x: np.concatenate(x), *some)
    jax.tree.map(np.testing.assert_array_equal, got, want)


def test_another_seed_is_another_order():
  first, other = _take(3), _take(3, seed=2)
  assert (_column(first, 'index') != _column(other, 'index')).any()


@pytest.mark.slow
def test_workers_change_nothing():
  first, workers = _take(3), _take(3, workers=1)
  jax.tree.map(np.testing.assert_array_equal, first, workers)


def test_classes_may_have_to_be_prepared_and_bad_records_are_left_out():
  want = _column(_take(4), 'index')
  got = _column(_take(4, data=Grades(raw=False)), 'index')
  np.testing.assert_array_equal(got, want)
  bad = (0, 13)
  data = Grades(raw=False, bad=bad, on_error='skip')
  assert not np.isin(_column(_take(12, data=data), 'index'), bad).any()
  with pytest.raises(RecordError, match='row 0: cut short'):
    _take(1, data=Grades(raw=False, bad=bad))


def test_what_cannot_be_balanced_is_named():
  batch = {'label': np.zeros(3, np.int32), 'x': np.zeros((3, 2)), 'mask': {}}
  Balance().check(batch)
  EQUAL.check(batch)
  with pytest.raises(InputError, match="balance.key 'lable', perhaps 'label'"):
    Balance(key='lable').check(batch)
  for key in ('x', 'mask'):
    with pytest.raises(InputError, match=f"{key}' is not one integer"):
      Balance(key=key).check(batch)
  with pytest.raises(ValueError, match=r'balance.power 2.0 is not in \[0, 1\]'):
    Balance(power=2.0)

  class Unknown(Grades):
    def source(self, split, view='default'):
      return [{'label': -1}] * 3

  with pytest.raises(InputError, match="'label' is unknown in every example"):
    _take(1, data=Unknown())
