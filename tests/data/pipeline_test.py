import dataclasses
import logging
import multiprocessing
import threading
import time
from typing import Literal

import jax
import numpy as np
import pytest

from mmjax.data.errors import RecordError
from mmjax.data.pipeline import Dataset, eval_batches, train_batches
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Numbers:
  """Examples that say which they are and what was drawn for them."""

  size: int = 22
  bad: tuple[int, ...] = ()
  on_error: Literal['raise', 'skip'] = 'raise'

  @property
  def classes(self):
    return {'label': ('even', 'odd')}

  def check(self):
    pass

  def source(self, split, view='default'):
    if view == 'backwards':
      return list(range(self.size))[::-1]
    return {'train': range(self.size), 'test': range(self.size // 2)}[split]

  def prepare(self, example, rng):
    if example in self.bad:
      raise RecordError('cut short', file='numbers.bin', row=example)
    draw = rng.random(3, np.float32) if rng else np.zeros(3, np.float32)
    return {
      'tabular': {'numeric': np.float32([example, 1]), 'draw': draw},
      'number': np.int32(example),
      'mask': {'tabular': {'numeric': np.array([True, True]), 'draw': True}},
      'label': np.int32(example % 2),
    }


def _take(batches, n):
  with batches:
    return [next(batches) for _ in range(n)]


def _assert_same(a, b):
  jax.tree.map(np.testing.assert_array_equal, a, b)
  assert jax.tree.map(lambda x: x.dtype, a) == jax.tree.map(
    lambda x: x.dtype, b
  )


def _together(parts):
  return jax.tree.map(lambda *x: np.concatenate(x), *parts)


def test_numbers_is_a_dataset():
  assert isinstance(Numbers(), Dataset)
  assert not isinstance(object(), Dataset)


def test_every_example_once_an_epoch_in_a_new_order():
  batches = _take(train_batches(Numbers(), batch_size=4, seed=1), 11)
  index = np.concatenate([b['index'] for b in batches]).reshape(2, 22)
  np.testing.assert_array_equal(np.sort(index), [range(22)] * 2)
  assert not np.array_equal(index[0], index[1])
  assert not np.array_equal(index[0], np.arange(22))
  numbers = np.concatenate([b['number'] for b in batches])
  np.testing.assert_array_equal(numbers, index.ravel())


def test_draws_are_new_for_every_position_and_equal_for_equal_seeds():
  first = _take(train_batches(Numbers(), batch_size=4, seed=1), 11)
  again = _take(train_batches(Numbers(), batch_size=4, seed=1), 11)
  other = _take(train_batches(Numbers(), batch_size=4, seed=2), 11)
  _assert_same(first, again)
  draws = np.concatenate([b['tabular']['draw'] for b in first])
  assert len(np.unique(draws)) == draws.size
  assert not np.array_equal(first[0]['index'], other[0]['index'])


@pytest.mark.parametrize('count', [2, 3, 4])
@pytest.mark.parametrize('start', [0, 3])
def test_processes_share_one_global_order(count, start):
  whole = _take(train_batches(Numbers(), batch_size=12, seed=5), 8)[start:]
  parts = [
    _take(
      train_batches(
        Numbers(),
        batch_size=12 // count,
        seed=5,
        start_step=start,
        process_index=p,
        process_count=count,
      ),
      8 - start,
    )
    for p in range(count)
  ]
  _assert_same(whole, [_together(part) for part in zip(*parts, strict=True)])


@pytest.mark.slow
def test_workers_give_the_same_bits_and_end():
  threads = _take(train_batches(Numbers(), batch_size=4, seed=3), 9)
  with train_batches(Numbers(), batch_size=4, seed=3, workers=2) as batches:
    processes = [next(batches) for _ in range(7)]
    assert len(multiprocessing.active_children()) == 2
  assert not multiprocessing.active_children()
  _assert_same(threads[:7], processes)
  rest = train_batches(Numbers(), batch_size=4, seed=3, start_step=7, workers=1)
  _assert_same(threads[7:], _take(rest, 2))
  # Shared memory would be taken away from whoever keeps a batch.
  assert type(processes[0]['number']) is np.ndarray


def test_close_ends_the_threads():
  before = set(threading.enumerate())
  batches = train_batches(Numbers(), batch_size=4, seed=3)
  next(batches)
  assert set(threading.enumerate()) - before
  batches.close()
  batches.close()  # twice does no harm
  assert list(batches) == []
  until = time.monotonic() + 5
  while set(threading.enumerate()) - before and time.monotonic() < until:
    time.sleep(0.01)
  assert not set(threading.enumerate()) - before


@pytest.mark.parametrize('count', [1, 2, 4])
def test_evaluation_pads_the_end_with_nothing(count):
  parts = [
    list(
      eval_batches(
        Numbers(),
        'test',
        batch_size=8 // count,
        process_index=p,
        process_count=count,
      )
    )
    for p in range(count)
  ]
  batches = [_together(part) for part in zip(*parts, strict=True)]
  whole = _together(batches)
  assert len(batches) == 2  # 11 examples
  np.testing.assert_array_equal(whole['number'][:11], range(11))
  np.testing.assert_array_equal(whole['index'], [*range(11), *[-1] * 5])
  np.testing.assert_array_equal(whole['weight'], [1] * 11 + [0] * 5)
  masks = jax.tree.leaves(whole['mask'])
  assert all(mask[:11].all() and not mask[11:].any() for mask in masks)
  # No generator: what is random in training is not here.
  assert not whole['tabular']['draw'].any()


def test_evaluation_reads_another_view_and_in_workers():
  batches = eval_batches(Numbers(), 'test', view='backwards', batch_size=22)
  np.testing.assert_array_equal(next(batches)['number'], range(21, -1, -1))
  batches.close()
  threads = list(eval_batches(Numbers(), 'test', batch_size=4))
  processes = list(eval_batches(Numbers(), 'test', batch_size=4, workers=2))
  assert len(threads) == 3
  _assert_same(threads, processes)
  assert not multiprocessing.active_children()


@pytest.mark.parametrize(
  'workers', [0, pytest.param(1, marks=pytest.mark.slow)]
)
def test_a_bad_record_is_raised_as_it_is(workers):
  data = Numbers(bad=(7,))
  batches = train_batches(data, batch_size=22, seed=0, workers=workers)
  with pytest.raises(RecordError, match=r'^numbers\.bin, row 7: cut short$'):
    next(batches)
  assert not multiprocessing.active_children()
  with pytest.raises(RecordError, match=r'numbers\.bin, row 7'):
    list(eval_batches(data, 'test', batch_size=4, workers=workers))


@pytest.mark.parametrize(
  'workers', [0, pytest.param(1, marks=pytest.mark.slow)]
)
def test_a_bad_record_is_skipped_counted_and_logged_once(workers, caplog):
  # Row 0 too: it can't be the one that tells the shapes.
  bad = (0, 7 + workers)
  data = Numbers(bad=bad, on_error='skip')
  batches = train_batches(data, batch_size=22, seed=0, workers=workers)
  with caplog.at_level(logging.WARNING, 'mmjax.data.pipeline'):
    two = _take(batches, 2)
  assert batches.skipped.keys() == set(bad)
  assert batches.skipped[0] == 'numbers.bin, row 0: cut short'
  named = [r for r in caplog.messages if f'row {bad[1]}: cut short' in r]
  assert len(named) == 1  # of two epochs
  for batch in two:
    skipped = np.isin(batch['index'], bad)
    np.testing.assert_array_equal(batch['weight'], ~skipped)
    for mask in jax.tree.leaves(batch['mask']):
      assert not mask[skipped].any()
      assert mask[~skipped].all()
  # The others are what they are without the bad ones.
  _, clean = _take(train_batches(Numbers(), batch_size=22, seed=0), 2)
  kept = ~np.isin(clean['index'], bad)
  _assert_same(*(jax.tree.map(lambda x: x[kept], b) for b in (two[1], clean)))


def test_a_source_that_fails_counts_like_a_record_that_does():
  batches = train_batches(Broken(on_error='skip'), batch_size=22, seed=0)
  (batch,) = _take(batches, 1)
  assert batch['weight'].sum() == 21
  assert batches.skipped == {3: 'shard.bin, row 3: checksum differs'}


class _BrokenSource(list):
  def __getitem__(self, row):
    if row == 3:
      raise RecordError('checksum differs', file='shard.bin', row=row)
    return super().__getitem__(row)


class Broken(Numbers):
  def source(self, split, view='default'):
    return _BrokenSource(range(self.size))


def test_nothing_readable_is_one_clear_error():
  data = Numbers(size=4, bad=(0, 1, 2, 3), on_error='skip')
  batches = train_batches(data, batch_size=2, seed=0)
  with pytest.raises(
    InputError, match=r'none of the 4 records.*numbers.bin, row 0: cut short'
  ):
    next(batches)


def test_a_bug_in_prepare_is_no_bad_record():
  class Bug(Numbers):
    def prepare(self, example, rng):
      raise ZeroDivisionError('a bug')

  batches = train_batches(Bug(on_error='skip'), batch_size=2, seed=0)
  with pytest.raises(ZeroDivisionError, match='a bug'):
    next(batches)


def test_shapes_that_differ_are_shown():
  class Ragged(Numbers):
    def prepare(self, example, rng):
      return {'x': np.zeros(example % 2), 'mask': {}}

  shapes = r"keys or shapes: .*'x': \(0,\).*\(1,\)"
  with pytest.raises(ValueError, match=shapes):
    list(eval_batches(Ragged(), 'test', batch_size=4))


def test_one_example_is_a_data_set():
  (batch,) = _take(train_batches(Numbers(size=1), batch_size=3, seed=0), 1)
  assert batch['number'].tolist() == [0, 0, 0]
  draws = batch['tabular']['draw']
  assert len(np.unique(draws)) == draws.size
  assert list(eval_batches(Numbers(size=0), 'test', batch_size=4)) == []


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'batch_size': 0, 'seed': 0}, 'batch_size 0 is not at least 1'),
    ({'batch_size': 4, 'seed': -1}, 'seed -1 is not between 0 and'),
  ],
)
def test_numbers_out_of_range_are_named(arguments, message):
  with pytest.raises(InputError, match=message):
    train_batches(Numbers(), **arguments)


def test_an_empty_split_is_named():
  with pytest.raises(InputError, match='Numbers has no training examples'):
    train_batches(Numbers(size=0), batch_size=4, seed=0)
