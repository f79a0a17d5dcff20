"""Batches in an order that is a function of the seed and the step alone.

The order of examples is a shuffle of every epoch, one after the other; batch
`k` is rows `k * B` to `(k + 1) * B` of it, and each process takes its share of
those. So neither the number of processes, nor that of workers, nor where a run
is resumed changes which examples, and which random draws, stand in batch `k`:
the step number is the whole position. Grain (https://google-grain.readthedocs.io)
shuffles, reads ahead and runs the workers.
"""

import functools
import logging
import math
from collections.abc import Iterator, Sequence
from typing import Any

import grain
import jax
import numpy as np
from absl import flags

from mmjax.data.balance import Balance, balanced_order, mixed_order
from mmjax.data.dataset import Dataset, Example, Shared
from mmjax.data.errors import RecordError
from mmjax.types import Batch, InputError


class Batches(Iterator[Batch]):
  """Batches of NumPy arrays; close it, or use it in a `with` statement.

  Attributes:
    skipped: why each row that could not be read was left out, so far.
  """

  def __init__(self, batches: grain.IterDataset, on_error: str):
    self.skipped: dict[int, str] = {}
    self._on_error = on_error
    self._iterator: grain.DatasetIterator | None = iter(batches)

  def __next__(self) -> Batch:
    if self._iterator is None:
      raise StopIteration
    try:
      batch, errors = next(self._iterator)
      # Errors come as values, so that they are the same object from a worker.
      for row, error in errors:
        if self._on_error == 'raise':
          raise error
        _warn_once(str(error))
        self.skipped[row] = str(error)
    except BaseException:
      self.close()
      raise
    return jax.tree.map(_own, batch)

  def close(self) -> None:
    """Ends threads and worker processes; then there are no more batches."""
    iterator, self._iterator = self._iterator, None
    if iterator is not None:
      iterator.close()

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.close()


def train_batches(
  dataset: Dataset,
  *,
  batch_size: int,
  seed: int,
  start_step: int = 0,
  workers: int = 0,
  process_index: int = 0,
  process_count: int = 1,
  balance: Balance | None = None,
) -> Batches:
  """Endless batches of the split 'train', shuffled anew in every epoch.

  >>> from mmjax.data.datasets.digits import Digits
  >>> with train_batches(Digits(), batch_size=4, seed=0) as batches:
  ...   batch = next(batches)
  >>> batch['image'].shape, batch['weight'].tolist()
  ((4, 8, 8, 1), [1.0, 1.0, 1.0, 1.0])

  Args:
    dataset: what to read.
    batch_size: examples in a batch of *this* process.
    seed: of the order and of every random draw.
    start_step: the first batch to give.
    workers: processes that read ahead; 0 reads in threads of this process.
    process_index: which of the processes that train together this is.
    process_count: how many they are.
    balance: how often each class is drawn; then an epoch is one of each class.

  Returns:
    An iterator. Batches have, beside the keys of `Dataset.prepare`, 'index'
    (the row in the source) and 'weight' (0 where a record was skipped).

  Raises:
    InputError: the split is empty, a number is out of range, or there are no
      classes to balance.
    RecordError: from the iterator, where the data set's `on_error` is 'raise'.
  """
  if not 0 <= seed < 2**32:
    raise InputError(f'seed {seed} is not between 0 and 2**32 - 1')
  rows = _Rows(dataset, 'train', 'default')
  if not len(rows):
    raise InputError(f'{type(dataset).__name__} has no training examples')
  if balance is not None and balance.key is None:
    balance = None
  if isinstance(dataset, Shared):
    if balance is not None:
      raise InputError(
        'a mixture has weights of its own: leave out balance.key'
      )
    shares = dict(enumerate(dataset.shares()))
    order = mixed_order(
      {number: np.array(part) for number, (part, _) in shares.items()},
      {number: share for number, (_, share) in shares.items()},
      seed=seed,
    )
  elif balance is None:
    order = grain.MapDataset.range(len(rows)).seed(seed).shuffle().repeat()
  else:
    order = balanced_order(dataset, balance, seed=seed)
  # Before the processes part, so that the draws follow the global position.
  examples = order.random_map(rows)
  shard = _Shard(examples, batch_size, process_index, process_count)
  batches = shard.batch(batch_size, batch_fn=_stack)[start_step:]
  return Batches(_read(batches, workers), dataset.on_error)


def eval_batches(
  dataset: Dataset,
  split: str,
  *,
  view: str = 'default',
  batch_size: int,
  workers: int = 0,
  process_index: int = 0,
  process_count: int = 1,
) -> Batches:
  """Every example of a split once, in order, in batches of one shape.

  Args:
    dataset: what to read.
    split: which split.
    view: which layout of it.
    batch_size: examples in a batch of *this* process.
    workers: processes that read ahead; 0 reads in threads of this process.
    process_index: which of the processes that evaluate together this is.
    process_count: how many they are; all get the same number of batches.

  Returns:
    An iterator. Rows that only fill up have weight 0, index -1, and every mask
    False.

  Raises:
    InputError: there is no such split or view.
    RecordError: from the iterator, where the data set's `on_error` is 'raise'.
  """
  rows = _Rows(dataset, split, view)
  whole = batch_size * process_count
  padded = math.ceil(len(rows) / whole) * whole
  examples = grain.MapDataset.range(padded).map(rows)
  shard = _Shard(examples, batch_size, process_index, process_count)
  batches = shard.batch(batch_size, batch_fn=_stack)
  return Batches(_read(batches, workers), dataset.on_error)


class _Rows:
  """Row number -> example and, when it cannot be read, the error."""

  def __init__(self, dataset: Dataset, split: str, view: str):
    self._args = dataset, split, view
    self._dataset = dataset
    self._source = dataset.source(split, view)

  def __reduce__(self):
    # Workers open the source themselves: open files do not travel.
    return _Rows, self._args

  def __len__(self) -> int:
    return len(self._source)

  def __call__(self, row: int, rng: np.random.Generator | None = None):
    if row >= len(self._source):
      return self._blank | {'index': np.int32(-1)}, None
    index = {'index': np.int32(row)}
    try:
      example = self._dataset.prepare(self._source[row], rng)
    except RecordError as error:
      return self._blank | index, (row, error)
    return example | index | {'weight': np.float32(1)}, None

  @functools.cached_property
  def _blank(self) -> Example:
    """Zeros in the shapes of an example that can be read."""
    error = None
    for raw in self._source:
      try:
        example = self._dataset.prepare(raw, None)
      except RecordError as e:
        error = error or e
      else:
        return jax.tree.map(np.zeros_like, example) | {'weight': np.float32(0)}
    raise InputError(
      f'none of the {len(self._source)} records can be read; the first: {error}'
    )


class _Shard(grain.MapDataset):
  """One process's rows of every global batch."""

  def __init__(
    self, parent: grain.MapDataset, batch_size: int, index: int, count: int
  ):
    super().__init__(parent)
    if batch_size < 1:
      raise InputError(f'batch_size {batch_size} is not at least 1')
    if not 0 <= index < count:
      raise ValueError(f'process {index} is not one of {count}')
    self._batch_size, self._index, self._count = batch_size, index, count

  def __len__(self) -> int:
    return len(self._parent) // self._count

  def __getitem__(self, index):
    if isinstance(index, slice):
      return self.slice(index)
    batch, row = divmod(index, self._batch_size)
    batch = batch * self._count + self._index
    return self._parent[batch * self._batch_size + row]


def _own(x: np.ndarray) -> np.ndarray:
  """Copies an array of a worker: its shared memory goes when it is dropped."""
  return x if type(x) is np.ndarray else np.array(x)


def _stack(rows: Sequence[tuple[Example, Any]]):
  examples, errors = zip(*rows, strict=True)
  try:
    batch = jax.tree.map(lambda *x: np.stack(x), *examples)
  except ValueError as error:
    raise ValueError(
      'the examples of a batch differ in keys or shapes: '
      + ' and '.join(sorted({str(_shapes(e)) for e in examples})[:2])
    ) from error
  return batch, [e for e in errors if e is not None]


def _shapes(example: Example):
  return jax.tree.map(lambda x: np.shape(x), example)


def _read(batches: grain.MapDataset, workers: int) -> grain.IterDataset:
  if not workers:
    # Two batches ahead in two threads: one decodes while the other waits.
    return batches.to_iter_dataset(
      grain.ReadOptions(num_threads=2, prefetch_buffer_size=4)
    )
  if not flags.FLAGS.is_parsed():
    flags.FLAGS.mark_as_parsed()  # Grain reads its own there.
  ahead = batches.to_iter_dataset(
    grain.ReadOptions(num_threads=1, prefetch_buffer_size=2)
  )
  return ahead.mp_prefetch(
    grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=2)
  )


@functools.cache
def _warn_once(message: str):
  logging.getLogger(__name__).warning('skipped %s', message)
