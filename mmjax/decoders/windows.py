"""Windows that overlap, cut out of clips of any length."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from mmjax.types import Batch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Windows:
  """How a long clip is cut, in steps of a time that modalities share."""

  steps: Mapping[str, int]
  """Modality -> how many of its samples or frames go with a token."""
  window: int
  """Tokens of a window."""
  overlap: int
  """Tokens that a window shares with the next one."""
  batch: int = 8
  """Windows that the model is run on together."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    if not 0 <= self.overlap < self.window:
      raise ValueError(
        f'overlap {self.overlap} is not from 0 to below window {self.window}'
      )
    if self.batch < 1 or not self.steps or min(self.steps.values()) < 1:
      raise ValueError(
        f'batch {self.batch} or one of steps {dict(self.steps)} is below 1'
      )

  @property
  def stride(self) -> int:
    """Tokens from the beginning of one window to that of the next."""
    return self.window - self.overlap


def cut(batch: Batch, windows: Windows) -> tuple[Batch, int]:
  """All windows of each clip one behind the other, and how many a clip has.

  Raises:
    ValueError: the batch lacks a modality.
  """
  lacking = [name for name in windows.steps if name not in batch]
  if lacking:
    raise ValueError(
      f'windows are cut from {lacking[0]!r}, the batch has only '
      f'{sorted(batch["mask"])}'
    )
  tokens = max(-(-batch[n].shape[1] // s) for n, s in windows.steps.items())
  count = 1 + max(0, -(-(tokens - windows.window) // windows.stride))

  def parts_of(x: Any, step: int) -> np.ndarray:
    x = np.asarray(x)
    whole = ((count - 1) * windows.stride + windows.window) * step
    fill = [(0, 0), (0, whole - x.shape[1])] + [(0, 0)] * (x.ndim - 2)
    x = np.pad(x, fill)
    starts = np.arange(count) * windows.stride * step
    length = windows.window * step
    x = np.stack([x[:, i : i + length] for i in starts], axis=1)
    return x.reshape(-1, *x.shape[2:])

  parts = {name: parts_of(batch[name], s) for name, s in windows.steps.items()}
  masks = {
    name: parts_of(batch['mask'][name], s) for name, s in windows.steps.items()
  }
  return {**parts, 'mask': masks}, count


def run_in_batches(run: Callable[[Any], Any], rows: Any, batch: int) -> Any:
  """What a program gives for rows, of which it always gets so many.

  The last of them is repeated where there are fewer: of a row of nothing a
  text might never end.

  Args:
    run: the program, from arrays with rows to arrays with rows.
    rows: a tree of such arrays; at least one row.
    batch: how many rows it gets.
  """
  total, found = len(jax.tree.leaves(rows)[0]), []

  def fill(x: np.ndarray) -> np.ndarray:
    rest = [(0, 0)] * (x.ndim - 1)
    return np.pad(x, [(0, batch - len(x)), *rest], mode='edge')

  for start in range(0, total, batch):
    chosen = slice(start, start + batch)
    chunk = jax.tree.map(lambda x, s=chosen: fill(np.asarray(x)[s]), rows)
    found.append(jax.tree.map(np.asarray, run(chunk)))
  return jax.tree.map(lambda *x: np.concatenate(x)[:total], *found)
