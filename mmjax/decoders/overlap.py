"""One text from those of windows that overlap."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Text = Sequence[int]
Time = float | int


def join_texts(
  texts: Sequence[Text],
  lengths: Sequence[Time],
  *,
  stride: Time,
  overlap: Time,
  least: int = 1,
  gap: Text = (),
) -> list[int]:
  """The text of a clip, from what is heard in each of its windows.

  Two neighbours both have what is said where they overlap, and both err at
  their edges, where words are cut. So the text goes over from one to the other
  in a run of ids that both have: the longest one, where an id counts by how
  near it is to the middle of the overlap, and by how well the two agree in when
  it comes. When that is, is guessed: a window's ids are taken for evenly
  spread. Where they have nothing in common there, nothing was said in the
  overlap, and one text follows the other.

  The overlap is what transformers calls a stride
  (https://github.com/huggingface/transformers/blob/main/docs/source/en/main_classes/pipelines.md):
  CTC, whose ids have times, throws its outer part away; here texts are aligned,
  by the dynamic programming of longest common substrings.

  Args:
    texts: ids of each window, one window behind the other.
    lengths: how much of each window the clip fills, in any unit of time.
    stride: from the beginning of one window to that of the next.
    overlap: how much two neighbours share.
    least: shorter runs are taken for chance.
    gap: what stands between texts that have nothing in common, such as a space.
  """
  found: list[int] = []
  first = 0  # ids of the newest window before this one are not in the text
  for i, text in enumerate(texts):
    before: Text = texts[i - 1] if i else ()
    meet = None
    if before and text:
      left = _times(before, lengths[i - 1])
      right = stride + _times(text, lengths[i])
      counts = _counts(left, right, stride=stride, overlap=overlap)
      meet = _meet(before, text, counts, first=first, least=least)
    if meet is not None:
      end, first = meet
      del found[len(found) - len(before) + end :]
    else:
      first = 0
      found += gap if found and text else ()
    found += text[first:]
  return found


def _times(text: Text, length: Time) -> Float[np.ndarray, ' n']:
  """When each id comes, if all take the same time."""
  return (np.arange(len(text)) + 0.5) * (length / len(text))


def _counts(
  left: Float[np.ndarray, ' n'],
  right: Float[np.ndarray, ' m'],
  *,
  stride: Time,
  overlap: Time,
) -> Float[np.ndarray, 'n m']:
  """How much it counts that two ids are the same one, heard twice."""
  a, b = left[:, None], right[None]
  reach = max(overlap, 1e-9)
  off = np.abs((a + b) / 2 - (stride + overlap / 2)) / reach
  apart = np.abs(a - b) / reach
  return np.maximum(1 - off, 0.0) * np.maximum(1 - apart, 0.0)


def _meet(
  left: Text,
  right: Text,
  counts: Float[np.ndarray, 'n m'],
  *,
  first: int,
  least: int,
) -> tuple[int, int] | None:
  """Where the best run of common ids ends in both, if there is one.

  It ends in the left text no earlier than behind the first ids, which are not
  to be used. All cuts within a run give the same text.
  """
  best, place = 0.0, None
  score, run = np.zeros(len(right) + 1), np.zeros(len(right) + 1, int)
  same = np.asarray(left)[:, None] == np.asarray(right)[None]
  for i, equal in enumerate(same):
    # The run of the id before goes on, or there is none.
    score[1:] = np.where(equal, score[:-1] + counts[i], 0.0)
    run[1:] = np.where(equal, run[:-1] + 1, 0)
    j = int(np.argmax(np.where(run >= least, score, 0.0)))
    if i + 1 >= first and score[j] > best:
      best, place = float(score[j]), (i + 1, j)
  return place
