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
# All were best on the validation split.
_RECENT = 0.8  # what an item counts, over what the one after it does
_LAST = 0.2  # the same, where order matters
_NEAR = 0.5  # what a pair counts, over one that is an item closer
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


def rules(known: Histories, asked: Histories, *, items: int) -> Scores:
  """How often each item has come behind those that were watched.

  Sequential rules (https://doi.org/10.1007/s11257-018-9209-6): a pair counts
  the more, the closer together it was watched; so does an item, the later it
  was. Beside the counts of each item stands a share of popularity.
  """
  pairs, values = [], []
  for gap in range(1, max(len(one) for one in known)):
    long = [one for one in known if len(one) > gap]
    pairs.append(
      np.concatenate([np.stack([one[:-gap], one[gap:]]) for one in long], 1)
    )
    values.append(np.full(pairs[-1].shape[1], _NEAR ** (gap - 1)))
  counts = sparse.csr_array(
    (np.concatenate(values), tuple(np.concatenate(pairs, axis=1))),
    shape=(items, items),
  )
  share = np.bincount(np.concatenate(known), minlength=items)
  total = counts.sum(axis=1) + _PRIOR
  weights = [_LAST ** np.arange(len(one))[::-1] for one in asked]
  watched = _table(asked, weights, items) @ sparse.diags_array(1 / total)
  beside = watched.sum(axis=1)[:, None] * _PRIOR * share / share.sum()
  return (watched @ counts).toarray() + beside


COUNTED = {
  'popularity': popularity,
  'cooccurrence': cooccurrence,
  'rules': rules,
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
