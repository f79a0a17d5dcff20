"""Balanced sampling: rare classes are met more often than they are there."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import grain
import numpy as np
from jaxtyping import Int

from mmjax.data.dataset import Dataset, check_name
from mmjax.data.errors import RecordError
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Balance:
  """How often each class is drawn in training.

  Classes take turns, in proportion to their size to the power of `power`, and
  each goes through its own examples in a new order each time. Examples whose
  class is unknown (negative) are not drawn.

  `power` is the exponent of XLM's sampling of languages
  (https://arxiv.org/abs/1901.07291, section 3.1).
  """

  key: str | None = None
  """Batch key of the class; None draws every example equally often."""
  power: float = 0.0
  """0 draws all classes equally often, 1 as often as they are in the data."""

  def __post_init__(self):
    """Checks the range."""
    if not 0 <= self.power <= 1:
      raise ValueError(f'balance.power {self.power} is not in [0, 1]')

  def check(self, batch: Mapping[str, Any]) -> None:
    """Checks that a batch, or its shapes, has such a class for each example.

    Raises:
      InputError: it has not.
    """
    if self.key is None:
      return
    check_name('batch key for balance.key', self.key, batch)
    x = batch[self.key]
    if not hasattr(x, 'dtype') or x.ndim != 1 or x.dtype.kind not in 'iu':
      raise InputError(
        f'balance.key {self.key!r} is not one integer an example'
      )


def balanced_order(
  dataset: Dataset, balance: Balance, *, seed: int
) -> grain.MapDataset:
  """An endless order of training rows: a function of seed and position alone.

  Raises:
    InputError: no row has a known class.
  """
  classes = _classes(dataset, balance.key)
  names = np.unique(classes[classes >= 0])
  if not names.size:
    raise InputError(f'balance.key {balance.key!r} is unknown in every example')
  rows = {int(name): np.flatnonzero(classes == name) for name in names}
  shares = {name: len(some) ** balance.power for name, some in rows.items()}
  return mixed_order(rows, shares, seed=seed)


def mixed_order(
  rows: Mapping[int, Int[np.ndarray, ' n']],
  shares: Mapping[int, float],
  *,
  seed: int,
) -> grain.MapDataset:
  """Groups of rows that take turns, each shuffled anew when it is through.

  Args:
    rows: of each group, which has a number of its own.
    shares: how often each is drawn.
    seed: of the order.

  Returns:
    An endless order: a function of seed and position alone.
  """
  orders = [
    grain.MapDataset.source(_Passes(some, (seed, number)))
    for number, some in rows.items()
  ]
  return grain.MapDataset.mix(orders, [shares[n] for n in rows]).seed(seed)


class _Passes:
  """Endless passes through some rows, each in an order of its own.

  Grain's own shuffle takes milliseconds an index where there are few rows.
  """

  def __init__(self, rows: Int[np.ndarray, ' n'], seed: tuple[int, int]):
    self._rows, self._seed = rows, seed
    self._orders: dict[int, np.ndarray] = {}

  def __len__(self) -> int:
    return 2**48

  def __getitem__(self, index: int) -> int:
    number, place = divmod(index, len(self._rows))
    order = self._orders.get(number)
    if order is None:
      rng = np.random.default_rng((*self._seed, number))
      order = rng.permutation(self._rows)
      # Other threads may still be in the pass before.
      before = {n: x for n, x in self._orders.items() if n == number - 1}
      self._orders = {**before, number: order}
    return int(order[place])


def _classes(dataset: Dataset, key: Any) -> Int[np.ndarray, ' n']:
  """The class of each training row; -1 where it cannot be read."""
  source = dataset.source('train')
  found = np.full(len(source), -1)
  for row in range(len(source)):
    try:
      raw = source[row]
      # Most data sets hold it as it is, so that nothing has to be decoded.
      held = raw.get(key) if isinstance(raw, Mapping) else None
      if not isinstance(held, (int, np.integer)):
        held = dataset.prepare(raw, None)[key]
      found[row] = held
    except RecordError:
      if dataset.on_error == 'raise':
        raise
  return found
