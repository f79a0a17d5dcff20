"""How right a command was understood: its intent, its slots, all of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

Frames = Mapping[str, Int[np.ndarray, ' b']]
"""Intent or slot -> its class in each row; class 0 of a slot is that there is
none."""


class Scores(NamedTuple):
  """Of some commands.

  Attributes:
    exact: share of those whose intent and slots are all right.
    intent_accuracy: share of those whose intent is right.
    slot_f1: see `slot_f1`.
  """

  exact: float
  intent_accuracy: float
  slot_f1: float


def score(
  said: Frames, truth: Frames, *, intent: str, slots: Sequence[str]
) -> Scores:
  """Scores what was understood.

  Args:
    said: what was understood; -1 where nothing was, which is never right.
    truth: what was meant.
    intent: key of the intent.
    slots: keys of the slots.
  """
  right = {key: said[key] == truth[key] for key in (intent, *slots)}
  return Scores(
    float(np.logical_and.reduce(list(right.values())).mean()),
    float(right[intent].mean()),
    slot_f1(said, truth, slots=slots),
  )


def slot_f1(said: Frames, truth: Frames, *, slots: Sequence[str]) -> float:
  """F1 of all filled slots of all commands together (micro).

  As in conlleval, `2 right / (said + meant)`: a slot with a wrong value counts
  as one that was said and as one that was missed
  (https://www.clips.uantwerpen.be/conll2000/chunking/output.html). 1 where no
  slot was either said or meant.
  """
  right = filled = 0
  for slot in slots:
    right += int(((said[slot] == truth[slot]) & (truth[slot] != 0)).sum())
    filled += int((said[slot] != 0).sum() + (truth[slot] != 0).sum())
  return 2 * right / filled if filled else 1.0
