"""What a pixel is, by the colours and the texture around it alone."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy import ndimage

_WINDOWS = (5, 15)
_SEED = 0


def features(
  image: UInt8[np.ndarray, 'h w c'],
) -> Float[np.ndarray, 'h w features']:
  """Colour, and its mean and deviation in two windows around each pixel."""
  x = image.astype(np.float32) / 255
  found = [x]
  for side in _WINDOWS:
    size: Any = (side, side, 1)
    mean = ndimage.uniform_filter(x, size, mode='nearest')
    square = ndimage.uniform_filter(x * x, size, mode='nearest')
    found += [mean, np.sqrt(np.maximum(square - mean * mean, 0))]
  return np.concatenate(found, axis=-1)


def fit(
  pictures: Iterable[tuple[np.ndarray, Int[np.ndarray, 'h w']]],
  *,
  pixels: int,
) -> Any:
  """Logistic regression on `features`, of some pixels of each picture.

  Pixels are drawn so that what is not background makes up half of them, as far
  as there are so many: else nothing but background would ever be answered.

  Args:
    pictures: each with the classes of its pixels, 0 for background, negative
      where unknown.
    pixels: how many of each picture.

  Returns:
    What has `predict`, as in scikit-learn.
  """
  from sklearn import exceptions, linear_model, pipeline, preprocessing

  rng = np.random.default_rng(_SEED)
  x, y = [], []
  for image, target in pictures:
    flat, labels = features(image), target.ravel()
    for wanted in (np.flatnonzero(labels == 0), np.flatnonzero(labels > 0)):
      some = rng.permutation(wanted)[: pixels // 2]
      x.append(flat.reshape(labels.size, -1)[some])
      y.append(labels[some])
  model = pipeline.make_pipeline(
    preprocessing.StandardScaler(), linear_model.LogisticRegression()
  )
  with warnings.catch_warnings():
    # It has all but converged: what is left moves no answer.
    warnings.simplefilter('ignore', exceptions.ConvergenceWarning)
    return model.fit(np.concatenate(x), np.concatenate(y))
