"""Classic baselines on the stamps, on the same split and questions.

Character n-grams, thumbnails with colour histograms, and mean spectra in
logistic regression; and speech matched with text by their lengths alone.

  python benchmarks/stamps_baselines.py [--cache FOLDER]
"""

import argparse
import json
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from scipy.sparse import csr_matrix, hstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmjax.data import audio, mel
from mmjax.data.datasets.stamps import WRITTEN, Stamps
from mmjax.data.datasets.stamps_cache import Stamp


def ngrams() -> TfidfVectorizer:
  """Characters of single words, 1 to 5 at a time."""
  return TfidfVectorizer(
    analyzer='char_wb', ngram_range=(1, 5), sublinear_tf=True
  )


def picture(stamp: Stamp) -> np.ndarray:
  """An 8x8 thumbnail and the histogram of 4x4x4 colours."""
  if stamp.image is None:
    return np.zeros(8 * 8 * 3 + 64)
  small = Image.fromarray(stamp.image).resize((8, 8), Image.Resampling.BOX)
  bins = (stamp.image // 64).reshape(-1, 3) @ np.array([16, 4, 1])
  colors = np.bincount(bins, minlength=64) / len(bins)
  return np.concatenate([np.asarray(small).ravel() / 255, 3 * colors])


def category_from_english(train, test) -> float:
  """Accuracy of n-grams of the English description."""
  model = make_pipeline(ngrams(), LogisticRegression(C=30, max_iter=1000))
  model.fit([s.texts['en'] for s in train], _categories(train))
  found = model.predict([s.texts['en'] for s in test])
  return float((found == _categories(test)).mean())


def category_from_both(train, test) -> float:
  """Accuracy of n-grams and picture features side by side.

  How much the picture weighs is chosen by cross-validation on `train`.
  """
  words = ngrams().fit([s.texts['en'] for s in train])
  scale = StandardScaler().fit([picture(s) for s in train])

  def features(stamps, weight):
    seen = weight * scale.transform([picture(s) for s in stamps])
    seen = csr_matrix(seen)
    read = words.transform([s.texts['en'] for s in stamps])
    return hstack([read, seen]).tocsr()

  model = LogisticRegression(C=30, max_iter=300)
  target = _categories(train)
  scores = {
    weight: cross_val_score(model, features(train, weight), target, cv=3).mean()
    for weight in (0.003, 0.01, 0.03, 0.1)
  }
  weight = max(scores, key=lambda weight: scores[weight])
  model.fit(features(train, weight), target)
  found = model.predict(features(test, weight))
  return float((found == _categories(test)).mean())


def category_from_languages(train, test) -> float:
  """Accuracy of n-grams, log-probabilities averaged over 15 languages."""
  rows = [(s, text) for s in train for text in _texts(s)]
  model = make_pipeline(ngrams(), LogisticRegression(C=30, max_iter=1000))
  model.fit([text for _, text in rows], _categories([s for s, _ in rows]))
  right = [
    model.classes_[model.predict_log_proba(_texts(s)).mean(axis=0).argmax()]
    == s.category
    for s in test
  ]
  return float(np.mean(right))


def language_from_spectra(train, test, spoken) -> float:
  """Accuracy of the mean and spread of each mel band."""

  def rows(stamps):
    pairs = [
      (mel_statistics(s.speech[name]), name)
      for s in stamps
      for name in spoken
      if name in s.speech
    ]
    features, names = zip(*pairs, strict=True)
    return np.stack(features), np.array(names)

  model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
  features, names = rows(test)
  return float((model.fit(*rows(train)).predict(features) == names).mean())


def mel_statistics(speech: np.ndarray) -> np.ndarray:
  """Mean and deviation over time of 64 log-mel bands."""
  samples, _ = audio.to_length(speech, len(speech))
  bands = mel.decibels(mel.mel_spectrogram(samples))
  return np.concatenate([bands.mean(axis=1), bands.std(axis=1)])


def text_from_duration(train, test, spoken) -> float:
  """Recall at 10 of descriptions whose expected duration is nearest."""
  hits = []
  for name in spoken:
    known, asked = (
      [(len(s.speech[name]), s.texts[name]) for s in stamps
       if name in s.speech and name in s.texts]
      for stamps in (train, test)
    )  # fmt: skip
    if not known:
      continue
    samples, texts = zip(*known, strict=True)
    line = np.polyfit([len(text) for text in texts], samples, 1)
    pool = sorted({text for _, text in asked})
    expected = np.polyval(line, [len(text) for text in pool])
    for length, text in asked:
      nearest = np.argsort(np.abs(expected - length), kind='stable')[:10]
      hits.append(text in [pool[i] for i in nearest])
  return float(np.mean(hits))


def _texts(stamp: Stamp) -> list[str]:
  return [stamp.texts[name] for name in WRITTEN if name in stamp.texts]


def _categories(stamps: Sequence[Stamp]) -> np.ndarray:
  return np.array([s.category for s in stamps])


def main() -> None:
  """Prints the table and one JSON line."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--cache', default=Stamps().cache)
  data = Stamps(
    cache=parser.parse_args().cache, train_on='train_and_validation'
  )
  train, test = (
    [row['stamp'] for row in data.source(split)] for split in ('train', 'test')
  )
  names, counts = np.unique(_categories(train), return_counts=True)
  baselines: dict[str, Callable[[], float]] = {
    'majority': lambda: float(
      (_categories(test) == names[counts.argmax()]).mean()
    ),
    'fused: English n-grams': lambda: category_from_english(train, test),
    'fused: n-grams and picture': lambda: category_from_both(train, test),
    'fused_languages: n-grams': lambda: category_from_languages(train, test),
    'language: mean spectra': lambda: language_from_spectra(
      train, test, data.spoken
    ),
    'audio_to_text, recall at 10: duration': lambda: text_from_duration(
      train, test, data.spoken
    ),
  }
  found = {}
  print('| baseline, test split | |\n|---|---|')
  for name, compute in baselines.items():
    with warnings.catch_warnings():
      warnings.simplefilter('ignore', ConvergenceWarning)
      found[name] = compute()
    print(f'| {name} | {found[name]:.3f} |', flush=True)
  print(json.dumps(found))


if __name__ == '__main__':
  main()
