"""Transcripts of clips of any length, by CTC over windows that overlap."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mmjax.decoders.ctc import collapse
from mmjax.types import Batch


@dataclasses.dataclass(frozen=True, kw_only=True)
class CtcWindows:
  """How a long clip is cut, and its parts are put together again.

  Each window's logits count in its middle alone, up to half of the overlap on
  either side, where the model has heard what comes before and behind. So where
  it hears less far than that, the result is that of the whole clip.
  """

  steps: Mapping[str, int]
  """Modality -> how many of its samples or frames go with a token."""
  window: int
  """Tokens of a window."""
  overlap: int
  """Tokens that a window shares with the next one."""
  batch: int = 8
  """Windows that the model is run on together."""
  head: str = 'transcript'
  """Head that gives logits of each token, as for `CtcGreedy`."""
  blank: int = 0
  """Id that stands for saying nothing new."""

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

  @property
  def margin(self) -> int:
    """First tokens of a window that do not count, but for the first window."""
    return self.overlap // 2


def make_transcribe(
  model: nn.Module, windows: CtcWindows
) -> Callable[[Mapping[str, Any], Batch], dict[str, Any]]:
  """A function that writes down clips of any length.

  One compiled program serves all of them, since windows always have the same
  shape and come `windows.batch` at a time; joining happens on the host.

  Args:
    model: gives `logits`, such as `Fused` with a `TokenHead`.
    windows: how to cut.

  Returns:
    `(variables, batch) -> {'tokens', 'mask', 'logits'}`: of clips `[b n ...]`
    with masks `[b n]`, a modality each of `windows.steps`, ids from the left on
    and which are real `[b m]`, and logits `[b m vocabulary]`.
  """

  @jax.jit
  def logits_of(variables: Any, batch: Batch) -> Float[Array, 'b n v']:
    outputs: Any = model.apply(variables, batch, train=False)
    return outputs['logits'][windows.head]

  def transcribe(variables: Mapping[str, Any], batch: Batch) -> dict[str, Any]:
    parts, count = _cut(batch, windows)
    rows = len(parts['mask'][next(iter(windows.steps))])
    found = []
    for start in range(0, rows, windows.batch):
      chosen = slice(start, start + windows.batch)
      chunk = jax.tree.map(lambda x, s=chosen: _fill(x[s], windows), parts)
      found.append(np.asarray(logits_of(variables, chunk)))
    logits = _join(np.concatenate(found)[:rows], count, windows)
    best = jnp.asarray(logits.argmax(axis=-1))
    ids, mask = map(np.asarray, collapse(best, blank=windows.blank))
    return {'tokens': ids, 'mask': mask, 'logits': logits}

  return transcribe


def _cut(batch: Batch, windows: CtcWindows) -> tuple[Batch, int]:
  """All windows of each clip one behind the other, and how many a clip has."""
  lacking = [name for name in windows.steps if name not in batch]
  if lacking:
    raise ValueError(
      f'windows are cut from {lacking[0]!r}, the batch has only '
      f'{sorted(batch["mask"])}'
    )
  tokens = max(-(-batch[n].shape[1] // s) for n, s in windows.steps.items())
  count = 1 + max(0, -(-(tokens - windows.window) // windows.stride))

  def cut(x: Any, step: int) -> np.ndarray:
    x = np.asarray(x)
    whole = ((count - 1) * windows.stride + windows.window) * step
    fill = [(0, 0), (0, whole - x.shape[1])] + [(0, 0)] * (x.ndim - 2)
    x = np.pad(x, fill)
    starts = np.arange(count) * windows.stride * step
    length = windows.window * step
    x = np.stack([x[:, i : i + length] for i in starts], axis=1)
    return x.reshape(-1, *x.shape[2:])

  parts = {name: cut(batch[name], s) for name, s in windows.steps.items()}
  masks = {
    name: cut(batch['mask'][name], s) for name, s in windows.steps.items()
  }
  return {**parts, 'mask': masks}, count


def _fill(x: np.ndarray, windows: CtcWindows) -> np.ndarray:
  """With windows of nothing, so that there are as many as always."""
  return np.pad(x, [(0, windows.batch - len(x))] + [(0, 0)] * (x.ndim - 1))


def _join(
  logits: Float[np.ndarray, 'w n v'], count: int, windows: CtcWindows
) -> Float[np.ndarray, 'b m v']:
  """The middles of each clip's windows side by side."""
  length = logits.shape[1]
  end = windows.margin + windows.stride
  if not end <= length <= windows.window:
    raise ValueError(
      f'the model gives {length} tokens for a window of {windows.window}, of '
      f'which {end} are needed: see steps and overlap'
    )
  x = logits.reshape(-1, count, *logits.shape[1:])
  kept = []
  for i in range(count):
    first = windows.margin if i else 0
    kept.append(x[:, i, first : end if i < count - 1 else length])
  return np.concatenate(kept, axis=1)
