"""What is watched next, from counts: recommendation without a model.

Scores `[user item]` for all items; the larger, the sooner they are recommended.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from einops import reduce
from jaxtyping import Float, Int
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from mmjax.data import mel

Histories = Sequence[Int[np.ndarray, ' _']]
Scores = Float[np.ndarray, 'user item']
# Both were best on the validation split.
_RECENT = 0.8  # what an item counts, over what the one after it does
_PRIOR = 10.0  # popular items that each item has been followed by, beforehand
_GRID = 8  # squares of a picture, across and down
_MELS = 64


def popularity(known: Histories, asked: Histories, *, items: int) -> Scores:
  """How often each item was watched, the same for all users."""
  counts = np.bincount(np.concatenate(known), minlength=items)
  return np.broadcast_to(counts.astype(float), (len(asked), items))


def cooccurrence(known: Histories, asked: Histories, *, items: int) -> Scores:
  """The cosine of items' users with those of what was watched, added up.

  Item-based collaborative filtering (https://doi.org/10.1145/371920.372071);
  what was watched last counts most.
  """
  x = _table(known, [np.ones(len(one)) for one in known], items)
  x.data[:] = 1.0
  norm = np.sqrt(np.maximum(np.asarray(x.sum(axis=0)).ravel(), 1e-9))
  x = x @ sparse.diags_array(1 / norm)
  similar = (x.T @ x).tolil()
  similar.setdiag(0)
  weights = [_RECENT ** np.arange(len(one))[::-1] for one in asked]
  return (_table(asked, weights, items) @ similar.tocsr()).toarray()


def transitions(known: Histories, asked: Histories, *, items: int) -> Scores:
  """How often each item has come right after the last one.

  A Markov chain of first order, with a share of popularity beside its counts.
  """
  pairs = np.concatenate(
    [np.stack([one[:-1], one[1:]], axis=1) for one in known]
  )
  ones = np.ones(len(pairs))
  counts = sparse.csr_array((ones, tuple(pairs.T)), shape=(items, items))
  share = popularity(known, asked, items=items)
  share = share / np.maximum(share.sum(axis=1, keepdims=True), 1)
  last = np.array([one[-1] for one in asked])
  after = counts[last].toarray()
  total = after.sum(axis=1, keepdims=True)
  return (after + _PRIOR * share) / (total + _PRIOR)


COUNTED = {
  'popularity': popularity,
  'cooccurrence': cooccurrence,
  'transitions': transitions,
}


def nearest(
  asked: Histories, similarity: Float[np.ndarray, 'item item']
) -> Scores:
  """How near each item is to the last one."""
  return similarity[np.array([one[-1] for one in asked])]


def content_similarity(
  columns: Mapping[str, np.ndarray],
) -> Float[np.ndarray, 'item item']:
  """Cosines of items' pixels, letters and spectra, added up.

  A part that either item lacks adds nothing.

  Args:
    columns: image `[item h w 3]`, text `[item t]`, audio `[item s]`, and the
      masks of the last two as `text_mask` and `audio_mask`.
  """
  image = columns['image'].astype(float) / 255
  h, w = (side // _GRID for side in image.shape[1:3])
  image = image[:, : h * _GRID, : w * _GRID]
  small = reduce(image, 'b (p h) (q w) c -> b (p q c)', 'mean', h=h, w=w)
  spectra = np.full((len(image), _MELS), np.nan)
  for i, real in enumerate(columns['audio_mask']):
    if real.any():
      power = mel.mel_spectrogram(columns['audio'][i][real], mels=_MELS)
      spectra[i] = np.log(power + 1e-6).mean(axis=1)
  heard = columns['audio_mask'].any(axis=1)
  if heard.any():
    spectra -= spectra[heard].mean(axis=0)
  words = [
    ''.join(map(chr, text[real]))
    for text, real in zip(columns['text'], columns['text_mask'], strict=True)
  ]
  letters = TfidfVectorizer(
    analyzer='char', ngram_range=(2, 4), lowercase=False
  ).fit_transform(words)
  return (
    _cosines(small - small.mean(axis=0))
    + _cosines(np.nan_to_num(spectra))
    + (letters @ letters.T).toarray()
  )


def _cosines(x: Float[np.ndarray, 'item f']) -> Float[np.ndarray, 'item item']:
  x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
  return x @ x.T


def _table(rows: Histories, values: Sequence[Any], items: int) -> Any:
  where = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
  return sparse.csr_array(
    (np.concatenate(values), (where, np.concatenate(rows))),
    shape=(len(rows), items),
  )
