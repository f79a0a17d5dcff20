"""Which modality mattered: what a model says without each of them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from mmjax import masking
from mmjax.evaluators import rows
from mmjax.types import Batch

Score = Callable[[Batch], Float[np.ndarray, 'b c']]
"""Log-probabilities of the classes for each row of a batch of any length."""


class LeftOut(NamedTuple):
  """What a model says of some examples, and what it says with less.

  Attributes:
    scores: log-probabilities with all that the examples have.
    answer: the likeliest class with all.
    without: modality -> log-probabilities as if it were absent.
    effect: modality -> how much it added to the log-probability of `answer`;
      negative where it spoke against it, zero where it was absent.
  """

  scores: Float[np.ndarray, 'b c']
  answer: np.ndarray
  without: Mapping[str, Float[np.ndarray, 'b c']]
  effect: Mapping[str, Float[np.ndarray, ' b']]


def leave_one_out(score: Score, batch: Batch) -> LeftOut:
  """Scores examples with all modalities, and without each in turn.

  The model is asked, not its inside: what is left out is masked, as in an
  example that never had it. Where two modalities say the same, each alone has
  little effect. Without the only one that there is, the model says what it says
  of nothing; the effect is measured from there.

  Args:
    score: the model; one program, which sees a batch for each modality and one
      more, joined.
    batch: examples.

  Leave-one-out after Robnik-Šikonja and Kononenko, Explaining Classifications
  for Individual Instances (https://doi.org/10.1109/TKDE.2007.190734).
  """
  names = tuple(sorted(batch['mask']))
  batches = [batch, *(_without(batch, name) for name in names)]
  b = len(jax.tree.leaves(batch['mask'])[0])
  scores = score(join(batches)).reshape(len(batches), b, -1)
  answer = scores[0].argmax(axis=1)
  of_answer = np.take_along_axis(scores, answer[None, :, None], axis=2)[..., 0]
  effect = {
    # The same row twice differs by rounding where rows are not alone.
    name: np.where(rows.present(batch, name), of_answer[0] - less, 0.0)
    for name, less in zip(names, of_answer[1:], strict=True)
  }
  without = dict(zip(names, scores[1:], strict=True))
  return LeftOut(scores[0], answer, without, effect)


def join(batches: list[Batch]) -> dict[str, Any]:
  """The batches as one, one behind the other, on the host."""
  return jax.tree.map(
    lambda *parts: np.concatenate([np.asarray(x) for x in parts]),
    *(dict(batch) for batch in batches),
  )


def _without(batch: Batch, name: str) -> Batch:
  others = tuple(other for other in batch['mask'] if other != name)
  return masking.keep_modalities(batch, others)
