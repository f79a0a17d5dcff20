"""What scikit-learn answers about rows of all modalities: to compare with."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import special
from sklearn import ensemble, linear_model, metrics, pipeline, preprocessing

from mmjax.evaluators import rows

Columns = Mapping[str, np.ndarray]
_CELLS = 12  # along each side of a picture
_FRAMES, _BANDS = 32, 16
_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)


def features(batch: Any, *, vocabulary: int) -> Float[np.ndarray, 'b features']:
  """Each row as numbers, zeros and a flag where something is missing.

  Measurements; the number of each word; a thumbnail, the histogram of the
  picture and its brightest spots; mean and largest power of each band of the
  sound.
  """
  numeric = rows.column(batch['tabular'], 'numeric')
  there = rows.column(batch['mask']['tabular'], 'numeric')
  parts = [np.where(there, numeric, 0.0), there]
  real = rows.column(batch['mask'], 'text')
  counts = np.zeros((len(real), vocabulary))
  row, _ = np.nonzero(real)
  np.add.at(counts, (row, rows.column(batch, 'text')[real]), 1)
  parts.append(counts)
  parts.append(_of_pictures(rows.column(batch, 'image')))
  parts.append(_of_sounds(rows.column(batch, 'audio')))
  here = [rows.present(batch, name) for name in ('text', 'image', 'audio')]
  parts.append(np.stack(here, axis=1))
  return np.concatenate(parts, axis=1).astype(np.float32)


def _of_pictures(image: np.ndarray) -> np.ndarray:
  gray = image.mean(axis=-1) / 255
  b, h, w = gray.shape
  cut = gray[:, : h - h % _CELLS, : w - w % _CELLS]
  cells = cut.reshape(b, _CELLS, h // _CELLS, _CELLS, w // _CELLS)
  thumbnail = cells.mean(axis=(2, 4)).reshape(b, -1)
  # What stands out of its surroundings, as small spots do.
  spots = cells.max(axis=(2, 4)).reshape(b, -1) - thumbnail
  bins = np.minimum((gray * 16).astype(int), 15).reshape(b, -1)
  shares = (bins[..., None] == np.arange(16)).mean(axis=1)
  return np.concatenate([thumbnail, spots, shares], axis=1)


def _of_sounds(audio: np.ndarray) -> np.ndarray:
  b, s = audio.shape
  frames = audio[:, : s - s % _FRAMES].reshape(b, _FRAMES, -1)
  power = np.abs(np.fft.rfft(frames, axis=-1)) ** 2
  bands = np.array_split(power, _BANDS, axis=-1)
  log = np.log(np.stack([x.mean(axis=-1) for x in bands], axis=-1) + 1e-6)
  return np.concatenate([log.mean(axis=1), log.max(axis=1)], axis=1)


def linear(
  train: Columns, validation: Columns, asked: Columns
) -> tuple[np.ndarray, np.ndarray]:
  """Logits of a logistic regression, for validation and what is asked.

  Its penalty is the one of the largest average precision on validation.
  """
  best, found = -1.0, None
  for penalty in _PENALTIES:
    model = pipeline.make_pipeline(
      preprocessing.StandardScaler(),
      linear_model.LogisticRegression(C=penalty, max_iter=300),
    ).fit(train['features'], train['target'])
    logit = model.decision_function(validation['features'])
    score = metrics.average_precision_score(validation['target'], logit)
    if score > best:
      best, found = score, (logit, model.decision_function(asked['features']))
  assert found is not None
  return found


def trees(
  train: Columns, validation: Columns, asked: Columns
) -> tuple[np.ndarray, np.ndarray]:
  """Logits of boosted trees, which stop when a tenth of train says so."""
  # Its annotations say that early_stopping is a string.
  build: Any = ensemble.HistGradientBoostingClassifier
  model = build(
    learning_rate=0.1, max_leaf_nodes=15, early_stopping=True, random_state=0
  ).fit(train['features'], train['target'])
  of = [
    special.logit(np.clip(model.predict_proba(x['features'])[:, 1], 1e-6, 1))
    for x in (validation, asked)
  ]
  return np.minimum(of[0], 14.0), np.minimum(of[1], 14.0)
