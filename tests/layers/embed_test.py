import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.layers.embed import (
  LearnedPositions,
  NgramEmbedding,
  SinCosPositions,
  hash_ngrams,
)


def test_sincos_positions_are_their_formula():
  width, base = 8, 100.0
  got = SinCosPositions(base=base)((3, 2), width)
  want = []
  for row in range(3):
    for column in range(2):
      vector = []
      for place in (row, column):
        rates = [base ** (-i / 2) for i in range(2)]
        vector += [np.sin(place * r) for r in rates]
        vector += [np.cos(place * r) for r in rates]
      want.append(vector)
  np.testing.assert_allclose(got, want, atol=1e-6)


def test_sincos_positions_do_not_depend_on_the_length():
  positions = SinCosPositions()
  short, long = positions((3, 2), 16), positions((9, 2), 16)
  np.testing.assert_array_equal(long[:6], short)
  with pytest.raises(ValueError, match='width 10 is not divisible by 4'):
    positions((3, 2), 10)


def test_learned_positions_slice_a_longer_table():
  positions = LearnedPositions(length=5)
  variables = positions.init(jax.random.key(0), (5, 2), 4)
  whole = positions.apply(variables, (5, 2), 4)
  part = positions.apply(variables, (3, 2), 4)
  np.testing.assert_array_equal(whole[:6], part)
  with pytest.raises(ValueError, match='6 positions are more than length 5'):
    positions.apply(variables, (6, 2), 4)


def test_ngram_hash_sees_exactly_the_last_n_ids(rng):
  text = rng.integers(0, 260, size=(1, 12))
  for n in (2, 3, 4):
    base = np.asarray(hash_ngrams(jnp.asarray(text), n))
    for changed in range(12):
      other = text.copy()
      other[0, changed] = (other[0, changed] + 17) % 260
      got = np.asarray(hash_ngrams(jnp.asarray(other), n))
      seen = np.arange(12)
      seen = (seen >= changed) & (seen < changed + n)
      np.testing.assert_array_equal(got[0] != base[0], seen)


def test_ngram_hash_fills_its_buckets_evenly(rng):
  text = jnp.asarray(rng.integers(100, 126, size=(64, 256)))
  for buckets in (1000, 1024):
    counts = np.bincount(
      np.asarray(hash_ngrams(text, 3) % buckets).ravel(), minlength=buckets
    )
    # 17,576 possible trigrams: a fair hash leaves no bucket near empty.
    assert counts.max() < 4 * counts.mean()
    assert (counts == 0).mean() < 0.01


def test_ngram_embedding_ignores_ngrams_that_would_start_before_the_text(rng):
  layer = NgramEmbedding(orders=(3,), buckets=64)
  text = jnp.asarray(rng.integers(0, 260, size=(2, 6)))
  variables = layer.init(jax.random.key(0), text, 4)
  table = np.asarray(variables['params']['unigram']['table'])
  got = np.asarray(layer.apply(variables, text, 4))
  want = table[np.asarray(text)] / np.sqrt(2)
  np.testing.assert_allclose(got[:, :2], want[:, :2], atol=1e-6)
  assert np.abs(got[:, 2:] - want[:, 2:]).max() > 1e-3


def test_ngrams_do_not_reach_across_a_boundary(rng):
  space, text = 36, np.array([[1, 50, 51, 36, 52, 53, 2]])
  layer = NgramEmbedding(orders=(3,), buckets=4096, boundary=space)
  params = {
    'unigram': {'table': jnp.zeros((260, 4))},
    '3gram': {
      'embedding': jnp.asarray(rng.normal(size=(4096, 4)), jnp.float32)
    },
  }
  got = np.abs(layer.apply({'params': params}, jnp.asarray(text), 4)).max(-1)[0]
  # Ending at each place: too short, too short, whole, ends with the boundary,
  # crosses it, begins with it, whole.
  want = [False, False, True, True, False, True, True]
  np.testing.assert_array_equal(got > 0, want)
