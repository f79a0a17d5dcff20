"""What simpler means understand of spoken commands, for `Frames`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32
from sklearn import neighbors
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from mmjax.data import mel
from mmjax.evaluators.frame_scores import Frames

_PIECES = 4


class Heard(NamedTuple):
  """Commands, and what they mean.

  Attributes:
    spectra: of the sounds, see `spectrum`.
    texts: the words, which no model is given.
    meant: intent and slots.
  """

  spectra: Float[np.ndarray, 'b features']
  texts: Sequence[str]
  meant: Frames


def baselines(known: Heard, asked: Heard) -> dict[str, Frames]:
  """What is understood of commands by those that learn from others.

  Args:
    known: commands of training.
    asked: those that are to be understood.

  Returns:
    By name: `majority`, the commonest class whatever is said; `nearest`, the
    command of training whose spectra are the most alike; `spectrum`, logistic
    regression on these; and `words`, logistic regression on the words and pairs
    of words, as if speech were recognised without an error.
  """
  scale = StandardScaler().fit(known.spectra)
  spectra = scale.transform(known.spectra), scale.transform(asked.spectra)
  nearest = neighbors.NearestNeighbors(n_neighbors=1).fit(spectra[0])
  rows = nearest.kneighbors(spectra[1], return_distance=False)[:, 0]
  # A fixed scale would do as well: counts are small.
  words = make_pipeline(
    CountVectorizer(ngram_range=(1, 2), token_pattern=r'\w+'), MaxAbsScaler()
  ).fit(known.texts)
  counts = words.transform(known.texts), words.transform(asked.texts)
  return {
    'majority': _each(
      known.meant, lambda: DummyClassifier(strategy='prior'), *spectra
    ),
    'nearest': {key: classes[rows] for key, classes in known.meant.items()},
    'spectrum': _each(known.meant, lambda: _logistic(0.1), *spectra),
    'words': _each(known.meant, lambda: _logistic(10.0), *counts),
  }


def spectrum(
  sound: Float32[np.ndarray, ' s'], mask: Bool[np.ndarray, ' s']
) -> Float[np.ndarray, ' features']:
  """Mean log-mel spectrum of each quarter of a sound, one behind the other."""
  log = np.log(mel.mel_spectrogram(sound[mask], hop=640) + 1e-6)
  pieces = np.array_split(log, _PIECES, axis=1)
  return np.concatenate([piece.mean(axis=1) for piece in pieces])


def _logistic(c: float) -> LogisticRegression:
  return LogisticRegression(C=c, max_iter=2000)


def _each(
  meant: Mapping[str, np.ndarray],
  make: Callable[[], Any],
  known: Any,
  asked: Any,
) -> dict[str, np.ndarray]:
  """A classifier for the intent, and one for each slot."""
  found = {}
  for key, classes in meant.items():
    # A slot that nobody fills is no question.
    model = make() if np.ptp(classes) else DummyClassifier(strategy='prior')
    found[key] = model.fit(known, classes).predict(asked)
  return found
