"""What simpler means understand of spoken commands, for `Frames`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from mmjax.data import mel
from mmjax.evaluators import warping
from mmjax.evaluators.frame_scores import Frames

# Both chosen on the validation split of `Commands`.
_PIECES = 8
_SPECTRUM_C = 0.01


class Heard(NamedTuple):
  """Commands, and what they mean.

  Attributes:
    mels: of the sounds, see `log_mel`.
    texts: the words, which no model is given.
    meant: intent and slots.
  """

  mels: Sequence[Float32[np.ndarray, 'mels _']]
  texts: Sequence[str]
  meant: Frames


def baselines(known: Heard, asked: Heard) -> dict[str, Frames]:
  """What is understood of commands by those that learn from others.

  Args:
    known: commands of training.
    asked: those that are to be understood.

  Returns:
    By name: `majority`, the commonest class whatever is said; `nearest`, the
    command of training that sounds the most alike by dynamic time warping;
    `spectrum`, logistic regression on mean spectra; and `words`, logistic
    regression on the words and pairs of words, as if speech were recognised
    without an error.
  """
  means = [_spectra(heard.mels) for heard in (known, asked)]
  scale = StandardScaler().fit(means[0])
  spectra = scale.transform(means[0]), scale.transform(means[1])
  rows = warping.nearest(
    [warping.cepstra(one) for one in known.mels],
    [warping.cepstra(one) for one in asked.mels],
  )
  words = make_pipeline(
    CountVectorizer(ngram_range=(1, 2), token_pattern=r'\w+'), MaxAbsScaler()
  ).fit(known.texts)
  counts = words.transform(known.texts), words.transform(asked.texts)
  return {
    'majority': _each(
      known.meant, lambda: DummyClassifier(strategy='prior'), *spectra
    ),
    'nearest': {key: classes[rows] for key, classes in known.meant.items()},
    'spectrum': _each(known.meant, lambda: _logistic(_SPECTRUM_C), *spectra),
    'words': _each(known.meant, lambda: _logistic(10.0), *counts),
  }


def log_mel(
  sound: Float32[np.ndarray, ' s'], mask: Bool[np.ndarray, ' s']
) -> Float32[np.ndarray, 'mels f']:
  """Logarithmic mel spectrogram, a column for 40 ms."""
  power = mel.mel_spectrogram(sound[mask], hop=640)
  return np.log(power + 1e-6).astype(np.float32)


def _spectra(
  mels: Sequence[Float32[np.ndarray, 'mels _']],
) -> Float32[np.ndarray, 'b features']:
  """Mean of each eighth of a sound, one behind the other."""
  pieces = [np.array_split(one, _PIECES, axis=1) for one in mels]
  means = [np.concatenate([p.mean(axis=1) for p in one]) for one in pieces]
  return np.array(means)


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
