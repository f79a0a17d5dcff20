"""One vector of each example: what a frozen model knows of it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from mmjax.evaluators import rows
from mmjax.types import InputError, Outputs


class Features(NamedTuple):
  """Vectors and classes of the counted rows.

  Attributes:
    x: features.
    target: classes.
  """

  x: Float[np.ndarray, 'n d']
  target: Int[np.ndarray, ' n']


def collect(
  predict: rows.Predict,
  batches: rows.Batches,
  *,
  features: str,
  target: str,
  view: str,
  split: str | None = None,
  given: tuple[str, ...] = (),
) -> Features:
  """Runs the model over a split.

  Args:
    predict: the forward pass.
    batches: `(view, split)` -> batches.
    features: `fused`, or a modality: its embedding where the model has one,
      else the mean of its tokens.
    target: batch key of the class; rows with -1 are left out.
    view: layout of the split.
    split: the one that is scored if None.
    given: the only modalities that the model gets to see; empty for all.

  Raises:
    InputError: there is no such modality or key, or no row.
  """
  others = () if split is None else (split,)
  x, classes = [], []
  for batch in batches(view, *others):
    found = rows.column(batch, target).astype(int)
    counted = rows.real(batch) & (found >= 0)
    if features != 'fused':
      counted &= rows.present(batch, features)
    seen = rows.only(batch, given)
    vectors = _vectors(predict(seen), features)
    x.append(vectors[counted])
    classes.append(found[counted])
  if not sum(map(len, x)):
    raise InputError(f'view {view!r} of {split or "the split"} has no rows')
  return Features(np.concatenate(x), np.concatenate(classes))


def _vectors(outputs: Outputs, name: str) -> np.ndarray:
  embeddings = outputs.get('embeddings', {})
  if name in embeddings:
    return rows.host(embeddings[name]).astype(float)
  if name == 'fused':
    tokens = rows.pick(outputs, 'fused', what='output')
  else:
    tokens = rows.pick(outputs['tokens'], name, what='modality')
  x, mask = (rows.host(part) for part in tokens)
  x = np.where(mask[..., None], x.astype(float), 0.0)
  return x.sum(axis=1) / np.maximum(mask.sum(axis=1), 1)[:, None]
