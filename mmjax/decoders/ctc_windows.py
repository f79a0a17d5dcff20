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
from mmjax.decoders.windows import Windows, cut, run_in_batches
from mmjax.types import Batch


@dataclasses.dataclass(frozen=True, kw_only=True)
class CtcWindows(Windows):
  """How a long clip is cut, and its parts are put together again.

  Each window's logits count in its middle alone, up to half of the overlap on
  either side, where the model has heard what comes before and behind. So where
  it hears less far than that, the result is that of the whole clip.
  """

  head: str = 'transcript'
  """Head that gives logits of each token, as for `CtcGreedy`."""
  blank: int = 0
  """Id that stands for saying nothing new."""

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
    parts, count = cut(batch, windows)
    found = run_in_batches(
      lambda chunk: logits_of(variables, chunk), parts, windows.batch
    )
    logits = _join(found, count, windows)
    best = jnp.asarray(logits.argmax(axis=-1))
    ids, mask = map(np.asarray, collapse(best, blank=windows.blank))
    return {'tokens': ids, 'mask': mask, 'logits': logits}

  return transcribe


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
