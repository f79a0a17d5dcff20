"""Texts about clips of any length, written window by window."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import numpy as np
from jaxtyping import Int

from mmjax.decoders.generate import Decoding, make_generate
from mmjax.decoders.overlap import join_texts
from mmjax.decoders.windows import Windows, cut, run_in_batches
from mmjax.types import Batch


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextWindows(Windows):
  """How a long clip is cut, and the texts of its parts are put together.

  `steps` may be any unit of time that the modalities share, such as 160 samples
  for 10 ms.
  """

  least: int = 1
  """Ids that two windows have to have in common, one behind the other, to be
  joined there; more than 1 where ids are letters."""
  gap: tuple[int, ...] = ()
  """Ids between two windows that have nothing in common, such as a space."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    super().__post_init__()
    if self.least < 1:
      raise ValueError(f'least {self.least} is below 1')


def make_generate_long(
  model: nn.Module, decoding: Decoding, windows: TextWindows
) -> Callable[..., dict[str, np.ndarray]]:
  """A function that writes a text about clips of any length.

  One compiled program serves all of them, since windows always have the same
  shape and come `windows.batch` at a time; `join_texts` makes one text of what
  it writes about the windows of a clip, on the host.

  Args:
    model: `Generative` or another one with `listen` and `decode`.
    decoding: Greedy or BeamSearch; its length is that of a window's text.
    windows: how to cut.

  Returns:
    `(variables, text, mask, *, batch) -> {'tokens', 'mask'}`: `text` and `mask`
    are the prompts, which each window of a clip gets, `batch` has clips
    `[b n ...]` with masks `[b n]`, a modality each of `windows.steps`; ids from
    the left on, without those that end a text, and which are real `[b m]`. A
    clip of nothing has no ids.
  """
  generate = make_generate(model, decoding)

  def write(
    variables: Mapping[str, Any],
    text: Any,
    mask: Any,
    *,
    batch: Batch,
  ) -> dict[str, np.ndarray]:
    parts, count = cut(batch, windows)
    left = _left(batch, windows, count)
    chosen = np.flatnonzero(left)
    rows = len(left) * count
    texts: list[list[int]] = [[] for _ in range(rows)]
    if chosen.size:
      given = {
        'text': np.repeat(np.asarray(text), count, axis=0)[chosen],
        'mask': np.repeat(np.asarray(mask), count, axis=0)[chosen],
        'batch': _take(parts, chosen),
      }
      found = run_in_batches(
        lambda some: generate(
          variables, some['text'], some['mask'], batch=some['batch']
        ),
        given,
        windows.batch,
      )
      for i, ids, real in zip(chosen, found.tokens, found.mask, strict=True):
        texts[i] = [x for x in ids[real].tolist() if x not in decoding.stop]
    joined = [
      join_texts(
        texts[i * count : (i + 1) * count],
        np.minimum(some, windows.window).tolist(),
        stride=windows.stride,
        overlap=windows.overlap,
        least=windows.least,
        gap=windows.gap,
      )
      for i, some in enumerate(left)
    ]
    return _padded(joined, decoding.pad)

  return write


def _left(
  batch: Batch, windows: Windows, count: int
) -> Int[np.ndarray, 'b count']:
  """How much of a clip is left at each window, 0 where none is needed.

  None is where the one before it reaches the end of the clip, however long the
  others of the batch are.
  """
  ends = []
  for name, step in windows.steps.items():
    mask = np.asarray(batch['mask'][name])
    last = mask.shape[1] - np.argmax(mask[:, ::-1], axis=1)
    ends.append(np.where(mask.any(axis=1), -(-last // step), 0))
  left = np.max(ends, axis=0)[:, None]
  left = left - np.arange(count)[None] * windows.stride
  new = np.where(np.arange(count) > 0, windows.overlap, 0)
  return np.where(left > new[None], left, 0)


def _take(batch: Batch, rows: Int[np.ndarray, ' r']) -> Batch:
  """These rows of it."""
  masks = {name: mask[rows] for name, mask in batch['mask'].items()}
  parts = {name: x[rows] for name, x in batch.items() if name != 'mask'}
  return {**parts, 'mask': masks}


def _padded(texts: list[list[int]], pad: int) -> dict[str, np.ndarray]:
  """Texts of different lengths as an array, and which ids are real."""
  width = max(1, *map(len, texts))
  tokens = np.full((len(texts), width), pad, np.int32)
  mask = np.zeros(tokens.shape, bool)
  for i, text in enumerate(texts):
    tokens[i, : len(text)] = text
    mask[i, : len(text)] = True
  return {'tokens': tokens, 'mask': mask}
