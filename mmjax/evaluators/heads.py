"""What evaluators of one head have in common: its answers and the truth."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Num

from mmjax.evaluators import rows


class Answers(NamedTuple):
  """A head's numbers for the real rows of a view, one after the other.

  Attributes:
    given: the head's outputs.
    target: what the data says; unknown ones included.
  """

  given: Float[np.ndarray, 'b outputs']
  target: Num[np.ndarray, 'b ...']

  def finite(self) -> bool:
    """Whether there are rows, and the model gave no NaN."""
    return bool(self.given.size and np.isfinite(self.given).all())


def answers(
  predict: rows.Predict,
  batches: rows.Batches,
  *,
  head: str,
  target: str,
  view: str = 'default',
  only: tuple[str, ...] = (),
) -> Answers:
  """Runs the model over a view.

  Args:
    predict: the forward pass.
    batches: view name -> evaluation batches.
    head: which of the model's outputs.
    target: batch key of the truth.
    view: layout of the split.
    only: the modalities that the model gets to see; empty for all.

  Raises:
    InputError: there is no such head, batch key or modality.
  """
  given, truth = [], []
  for batch in batches(view):
    counted = rows.real(batch)
    outputs = predict(rows.only(batch, only))
    new = rows.host(rows.pick(outputs['logits'], head, what='head'))
    given.append(new[counted].astype(float))
    truth.append(rows.column(batch, target)[counted])
  if not given:
    return Answers(np.zeros((0, 1)), np.zeros(0))
  return Answers(np.concatenate(given), np.concatenate(truth))
