import librosa
import numpy as np
import pytest

from mmjax.evaluators import warping


@pytest.fixture
def series(rng):
  return [
    rng.normal(size=(n, 3)).astype(np.float32) for n in (7, 2, 11, 1, 7, 5)
  ]


def test_distances_are_those_of_librosa(series, rng):
  asked = rng.normal(size=(6, 3)).astype(np.float32)
  want = [
    librosa.sequence.dtw(X=asked.T, Y=one.T)[0][-1, -1] / (6 + len(one))
    for one in series
  ]
  found = warping.distances(series, asked)
  np.testing.assert_allclose(found, want, rtol=1e-5)
  # What another series is long does not change a distance.
  alone = warping.distances(series[:1], asked)
  np.testing.assert_allclose(alone, found[:1], rtol=1e-6)


def test_the_nearest_is_the_same_at_another_speed(series, rng, monkeypatch):
  asked = [np.repeat(series[i], 3, axis=0) for i in (2, 0, 5)]
  assert warping.nearest(series, asked).tolist() == [2, 0, 5]
  monkeypatch.setattr(warping, '_TOGETHER', 2)
  assert warping.nearest(series, asked).tolist() == [2, 0, 5]
  other = rng.normal(size=(9, 3)).astype(np.float32)
  want = warping.distances(series, other).argmin()
  assert warping.nearest(series, [other]).tolist() == [want]


def test_cepstra_know_neither_level_nor_a_steady_colour(rng):
  log_mel = rng.normal(size=(64, 20))
  found = warping.cepstra(log_mel)
  assert found.shape == (20, 13)
  np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-6)
  np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-4)
  # A filter adds to each band's logarithm.
  colour = rng.normal(size=(64, 1)) + 5
  np.testing.assert_allclose(
    warping.cepstra(log_mel + colour), found, atol=1e-4
  )
  want = librosa.feature.mfcc(S=log_mel, n_mfcc=14)[1:].T
  want = (want - want.mean(axis=0)) / want.std(axis=0)
  np.testing.assert_allclose(found, want, atol=1e-4)
