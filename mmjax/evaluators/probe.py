"""What simple classifiers make of a frozen model's features."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmjax.evaluators import intervals, rows
from mmjax.evaluators.features import Features, collect
from mmjax.metrics import Evaluation
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probe:
  """Linear probe, nearest neighbours, and a few examples of each class.

  Fits on the features of the training split, as evaluation shows it, and gives
  `{name}/linear_accuracy` (logistic regression on standardised features, as in
  CLIP, section 3.2, https://arxiv.org/abs/2103.00020), with
  `linear_accuracy_low` and `_high` (95 %, bootstrap), `{name}/knn_accuracy`
  (cosine similarity, weighted, as in https://arxiv.org/abs/1805.01978), and
  `{name}/linear_N_shot_accuracy`, the mean over draws of N examples a class.
  """

  features: str = 'fused'
  """`fused`, or a modality: its embedding, or the mean of its tokens."""
  target: str = 'label'
  """Batch key of the class; -1 is unknown and not counted."""
  name: str = 'probe'
  """Prefix of the numbers."""
  regularization: float = 1.0
  """Of the logistic regression: inverse of the factor of its L2 penalty."""
  neighbors: int = 20
  """How many of the nearest vote."""
  temperature: float = 0.07
  """A neighbour's vote is `exp(similarity / temperature)`."""
  shots: tuple[int, ...] = (1, 5)
  """Examples of each class."""
  draws: int = 5
  """Times that they are drawn."""
  seed: int = 0
  """Of the draws."""
  given: tuple[str, ...] = ()
  """The only modalities that the model gets to see; empty for all."""
  view: str = 'default'
  """Layout of both splits."""

  def __post_init__(self):
    """Checks the numbers."""
    if min((self.neighbors, self.draws, *self.shots)) < 1:
      raise InputError(
        f'neighbors {self.neighbors}, draws {self.draws} and shots '
        f'{self.shots} must be at least 1'
      )
    for name in ('regularization', 'temperature'):
      if not getattr(self, name) > 0:
        raise InputError(f'{name} {getattr(self, name)} is not positive')

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split.

    Args:
      predict: the forward pass.
      batches: `(view, split)` -> evaluation batches.
      classes: not looked at.

    Returns:
      The numbers.

    Raises:
      InputError: a key or modality does not exist, there is nothing to score,
        or a feature is NaN.
    """
    del classes
    how: Any = {
      'features': self.features,
      'target': self.target,
      'view': self.view,
      'given': self.given,
    }
    known = collect(predict, batches, split='train', **how)
    asked = collect(predict, batches, **how)
    if not (np.isfinite(known.x).all() and np.isfinite(asked.x).all()):
      raise InputError(
        f'{self.name}: features {self.features!r} are not finite'
      )
    right = self._linear(known, asked)
    low, high = intervals.of_mean(right)
    numbers = {
      'linear_accuracy': right.mean(),
      'linear_accuracy_low': low,
      'linear_accuracy_high': high,
      'knn_accuracy': self._nearest(known, asked).mean(),
    }
    rng = np.random.default_rng(self.seed)
    for shots in self.shots:
      some = [_few(known, shots, rng) for _ in range(self.draws)]
      numbers[f'linear_{shots}_shot_accuracy'] = np.mean(
        [self._linear(few, asked).mean() for few in some]
      )
    return Evaluation(
      {f'{self.name}/{key}': float(x) for key, x in numbers.items()}, {}
    )

  def _linear(self, known: Features, asked: Features) -> np.ndarray:
    if np.ptp(known.target) == 0:
      return asked.target == known.target[0]
    from sklearn import linear_model, pipeline, preprocessing

    model = pipeline.make_pipeline(
      preprocessing.StandardScaler(),
      linear_model.LogisticRegression(C=self.regularization, max_iter=1000),
    )
    model.fit(known.x, known.target)
    return model.predict(asked.x) == asked.target

  def _nearest(self, known: Features, asked: Features) -> np.ndarray:
    from sklearn import neighbors, pipeline, preprocessing

    # Cosine similarity is 1 - half the squared distance of unit vectors.
    def vote(distances: np.ndarray) -> np.ndarray:
      return np.exp((1 - distances**2 / 2) / self.temperature)

    votes: Any = vote
    model = pipeline.make_pipeline(
      preprocessing.Normalizer(),
      neighbors.KNeighborsClassifier(
        min(self.neighbors, len(known.x)), weights=votes
      ),
    )
    model.fit(known.x, known.target)
    return model.predict(asked.x) == asked.target


def _few(known: Features, shots: int, rng: np.random.Generator) -> Features:
  """So many examples of each class, or as many as there are."""
  kept = np.concatenate(
    [
      rng.permutation(np.flatnonzero(known.target == c))[:shots]
      for c in np.unique(known.target)
    ]
  )
  return Features(known.x[kept], known.target[kept])
