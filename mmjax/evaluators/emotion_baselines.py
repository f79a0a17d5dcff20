"""What scikit-learn makes of voices, words and faces: for `Emotions`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from sklearn import metrics
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmjax.data.datasets.feelings_signals import SIGNALS
from mmjax.evaluators import prosody, rows

_CELLS = 8  # along each side of a picture
_BINS = 4  # of each colour
_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # inverse, as in scikit-learn


class People(NamedTuple):
  """Rows of a split.

  Attributes:
    features: of voices and faces, see `features_of`.
    texts: the ids of the words, as words.
    here: which modalities each row has, in the order of `SIGNALS`.
    shown: the emotion of each, which only the generator knows.
    felt: the right answer.
  """

  features: Mapping[str, Float[np.ndarray, 'b features']]
  texts: Sequence[str]
  here: Bool[np.ndarray, 'b modalities']
  shown: Int[np.ndarray, 'b modalities']
  felt: Int[np.ndarray, ' b']


def read(batches: Any) -> People:
  """The real rows of a view."""
  voices, faces, texts, here, shown, felt = [], [], [], [], [], []
  for batch in batches:
    real = rows.real(batch)
    sounds = rows.column(batch, 'audio')[real]
    masks = rows.column(batch['mask'], 'audio')[real]
    both = zip(sounds, masks, strict=True)
    voices += [prosody.statistics(sound, mask) for sound, mask in both]
    faces.append(of_faces(rows.column(batch, 'image')[real]))
    ids = rows.column(batch, 'text')[real]
    of_text = rows.column(batch['mask'], 'text')[real]
    for one, mask in zip(ids, of_text, strict=True):
      texts.append(' '.join(f'w{i}' for i in one[mask]))
    there = [rows.present(batch, name)[real] for name in SIGNALS]
    here.append(np.stack(there, axis=1))
    shown.append(rows.column(batch, 'shown')[real])
    felt.append(rows.column(batch, 'label')[real])
  features = {'audio': np.array(voices), 'image': np.concatenate(faces)}
  return People(
    features, texts, *map(np.concatenate, (here, shown, felt))
  )  # fmt: skip


def of_faces(
  image: UInt8[np.ndarray, 'b h w 3'],
) -> Float[np.ndarray, 'b features']:
  """A thumbnail in colours, and the share of each of 64 colours."""
  x = image / 255
  b, h, w, _ = x.shape
  cut = x[:, : h - h % _CELLS, : w - w % _CELLS]
  cells = cut.reshape(b, _CELLS, h // _CELLS, _CELLS, w // _CELLS, 3)
  thumbnail = cells.mean(axis=(2, 4)).reshape(b, -1)
  bins = np.minimum((x * _BINS).astype(int), _BINS - 1)
  color = (bins * _BINS ** np.arange(3)).sum(axis=-1).reshape(b, -1)
  shares = (color[..., None] == np.arange(_BINS**3)).mean(axis=1)
  return np.concatenate([thumbnail, np.sqrt(shares)], axis=1)


class Linear:
  """Logistic regression of some modalities together.

  Of voices it sees `prosody.statistics`, of words the number of each and of
  each pair, of faces `of_faces`; zeros and a flag where one is missing. Its
  penalty becomes weaker as long as macro F1 on `checked` does not get
  worse.
  """

  def __init__(self, names: Sequence[str], *, train: People, checked: People):
    """Fits it to the rows of training that have any of the modalities."""
    self._names = names
    self._count = CountVectorizer(ngram_range=(1, 2), min_df=3).fit(train.texts)
    some = train.here[:, [SIGNALS.index(name) for name in names]]
    used = some.any(axis=1)
    known, asked = self._features(train)[used], self._features(checked)
    best = -1.0
    for strength in _STRENGTHS:
      model = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=strength, tol=1e-3, max_iter=1000),
      ).fit(known, train.felt[used])
      score = macro_f1(checked.felt, model.predict(asked))
      if score < best:
        break
      best, self._model = score, model

  def answer(self, people: People) -> Int[np.ndarray, ' b']:
    """The likeliest emotion of each."""
    return self._model.predict(self._features(people))

  def _features(self, people: People) -> Float[np.ndarray, 'b features']:
    parts = []
    for name in self._names:
      if name == 'text':
        x = self._count.transform(people.texts).toarray()
      else:
        x = people.features[name]
      here = people.here[:, SIGNALS.index(name)][:, None]
      parts += [np.where(here, x, 0.0), here]
    return np.concatenate(parts, axis=1).astype(np.float32)


def majority(train: People, asked: People) -> Int[np.ndarray, ' b']:
  """The commonest emotion of training, whoever is asked for."""
  return np.full(len(asked.felt), np.bincount(train.felt).argmax())


def told(train: People, asked: People) -> Int[np.ndarray, ' b']:
  """Who is told what each signal that is not missing shows.

  The commonest emotion of those of training who showed the same; where nobody
  did, that of the first signal. No other can know more, but for chance.
  """
  counts: dict[tuple[int, ...], np.ndarray] = {}
  of_train, of_asked = (np.where(x.here, x.shown, -1) for x in (train, asked))
  classes = train.shown.max() + 1
  for key, felt in zip(map(tuple, of_train), train.felt, strict=True):
    counts.setdefault(key, np.zeros(classes))[felt] += 1
  return np.array([
    counts[key].argmax() if key in counts else next(i for i in key if i >= 0)
    for key in map(tuple, of_asked)
  ])  # fmt: skip


def macro_f1(felt: np.ndarray, said: np.ndarray) -> float:
  """Mean F1 of the emotions that are felt."""
  score: Any = metrics.f1_score
  found = score(
    felt, said, labels=np.unique(felt), average='macro', zero_division=0.0
  )
  return float(found)
