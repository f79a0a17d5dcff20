"""What every evaluator does with batches: pick keys, keep the real rows."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Bool

from mmjax import masking
from mmjax.types import Batch, InputError, Outputs

Predict = Callable[..., Outputs]
"""The model's forward pass; rows of the outputs are rows of the batch.

`predict(batch, run=decode)` compiles and runs `decode(model, variables, batch)`
instead; it is hashable, such as a frozen dataclass."""
Batches = Callable[[str], Iterable[Batch]]
"""View name -> batches of the split that is scored, in order."""


def pick(mapping: Mapping[str, Any], name: str, *, what: str) -> Any:
  """The entry `name`.

  Raises:
    InputError: there is none; the message names what there is, and the nearest.
  """
  if name in mapping:
    return mapping[name]
  near = difflib.get_close_matches(name, mapping, n=1, cutoff=0.5)
  hint = f'; did you mean {near[0]!r}?' if near else ''
  there = ', '.join(sorted(mapping)) or 'nothing'
  raise InputError(f'no {what} {name!r}, there is {there}{hint}')


def host(x: Any) -> np.ndarray:
  """The whole array on this host, also when other processes hold parts."""
  if isinstance(x, jax.Array) and not x.is_fully_addressable:
    x = multihost_utils.process_allgather(x, tiled=True)
  return np.asarray(x)


def column(batch: Batch, name: str) -> np.ndarray:
  """One array of the batch, on the host."""
  return host(pick(batch, name, what='batch key'))


def real(batch: Batch) -> Bool[np.ndarray, ' b']:
  """Which rows are examples rather than filling."""
  return column(batch, 'weight') > 0


def present(batch: Batch, modality: str) -> Bool[np.ndarray, ' b']:
  """Which rows have anything real of a modality."""
  mask = pick(batch['mask'], modality, what='modality')
  leaves = [host(leaf) for leaf in jax.tree.leaves(mask)]
  some = [leaf.reshape(len(leaf), -1).any(axis=1) for leaf in leaves]
  return np.logical_or.reduce(some)


def only(batch: Batch, modalities: tuple[str, ...]) -> Batch:
  """The batch as if the other modalities were absent; all stay when empty.

  The new masks live where the old ones do, so that a jitted `predict` sees the
  same kind of input and is not compiled again.
  """
  if not modalities:
    return batch
  for name in modalities:
    pick(batch['mask'], name, what='modality')
  kept = masking.keep_modalities(batch, modalities)
  mask = jax.tree.map(
    lambda new, old: new if isinstance(old, jax.Array) else np.asarray(new),
    kept['mask'],
    batch['mask'],
  )
  return {**kept, 'mask': mask}
