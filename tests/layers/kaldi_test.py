import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.layers.kaldi import KaldiMel


def _reference(wave, *, window=400, hop=160, n_fft=512, mels=128):
  """Kaldi's definition, frame by frame in double precision."""

  def mel(hz):
    return 1127 * np.log(1 + hz / 700)

  edges = np.linspace(mel(20), mel(8_000), mels + 2)
  bins = mel(np.arange(n_fft // 2 + 1) * 16_000 / n_fft)
  rows = []
  for start in range(0, len(wave) - window + 1, hop):
    x = wave[start : start + window].astype(np.float64)
    x = x - x.mean()
    x = np.concatenate([[0.03 * x[0]], x[1:] - 0.97 * x[:-1]])
    power = np.abs(np.fft.rfft(x * np.hanning(window), n_fft)) ** 2
    rows.append(
      [
        sum(
          p * max(0.0, min((b - low) / (top - low), (high - b) / (high - top)))
          for b, p in zip(bins, power, strict=True)
        )
        for low, top, high in zip(edges, edges[1:], edges[2:], strict=False)
      ]
    )
  return np.log(np.maximum(rows, 2.0**-23))


def test_features_are_those_of_the_definition(rng):
  wave = (rng.normal(size=2_000) * 0.1).astype(np.float32)
  mel = KaldiMel(mean=1.0, std=0.5, mels=40)
  got, real = mel(jnp.asarray(wave)[None], jnp.ones((1, 2_000), bool))
  np.testing.assert_allclose(
    got[0], _reference(wave, mels=40) - 1, atol=1e-3, rtol=0
  )
  assert got.shape[1] == mel.frames(2_000) == 11
  assert np.asarray(real).all()


@pytest.mark.parametrize('poison', [0.0, 1e4, np.nan])
@pytest.mark.parametrize(
  'length', [5, *(pytest.param(x, marks=pytest.mark.slow) for x in (None, 30))]
)
def test_padding_changes_neither_features_nor_gradient(rng, poison, length):
  samples, count = 3_200, 2_000
  wave = rng.normal(size=(2, samples)).astype(np.float32)
  mask = np.arange(samples)[None] < np.array([[count], [0]])
  mel = KaldiMel(mels=20, length=length)

  def run(wave, mask):
    def f(wave):
      features, real = mel(wave, mask)
      return (features**2).sum(), (features, real)

    return jax.grad(f, has_aux=True)(wave)

  got = run(jnp.where(mask, wave, poison), jnp.asarray(mask))
  want = run(jnp.where(mask, wave, 0.0), jnp.asarray(mask))
  jax.tree.map(np.testing.assert_array_equal, got, want)
  _, (features, real) = got
  # The array's length is no part of the clip: the clip alone says the same.
  alone, _ = mel(jnp.asarray(wave[:1, :count]), jnp.ones((1, count), bool))
  n = alone.shape[1]
  assert int(real[0].sum()) == n
  np.testing.assert_allclose(features[:1, :n], alone, atol=1e-5)
  assert not np.asarray(features[0, n:]).any()
  assert not np.asarray(real[1]).any()
  assert not np.asarray(features[1]).any()


def test_a_clip_shorter_than_a_frame_is_all_filling():
  mel = KaldiMel(length=3, mels=20)
  got, real = mel(jnp.ones((1, 100)), jnp.ones((1, 100), bool))
  np.testing.assert_allclose(got, -mel.mean / (2 * mel.std), rtol=1e-6)
  assert np.asarray(real).all()


def test_fields_are_checked():
  with pytest.raises(ValueError, match='window 400 is longer than n_fft 256'):
    KaldiMel(n_fft=256)
  with pytest.raises(ValueError, match=r'fmin 20.0 and fmax 9000.0 must lie'):
    KaldiMel(fmax=9_000.0)
