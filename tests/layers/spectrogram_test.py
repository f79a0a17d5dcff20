import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from mmjax.layers.spectrogram import LogMel
from tests.spectra import mel_power


@pytest.mark.parametrize(
  ('n_fft', 'hop', 'mels', 'samples'),
  [(512, 160, 64, 16_000), (400, 160, 80, 7_999), (1024, 256, 128, 20_480)],
)
def test_mel_is_that_of_scipy_and_librosa(rng, n_fft, hop, mels, samples):
  wave = rng.uniform(-1, 1, size=(2, samples)).astype(np.float32)
  got = LogMel(n_fft=n_fft, hop=hop, mels=mels).mel(jnp.asarray(wave))
  want = mel_power(wave, n_fft=n_fft, hop=hop, mels=mels)
  want = want.transpose(0, 2, 1)[:, : got.shape[1]]
  assert got.shape[1] == -(-samples // hop)
  np.testing.assert_allclose(got, want, atol=1e-4, rtol=1e-4)


def test_a_pure_tone_lights_its_own_band():
  time = np.arange(8_000) / 16_000
  mel = LogMel(mels=64)
  centres = librosa.mel_frequencies(66, fmin=0, fmax=8_000)[1:-1]
  for band in (10, 30, 50):
    wave = np.sin(2 * np.pi * centres[band] * time).astype(np.float32)
    frames = mel.mel(jnp.asarray(wave[None]))[0]
    assert int(frames[20].argmax()) == band


@pytest.mark.parametrize('poison', [0.0, 1e4, np.nan])
def test_padding_changes_neither_features_nor_gradient(rng, poison):
  samples, real = 3_200, 2_000
  wave = rng.normal(size=(1, samples)).astype(np.float32)
  mask = np.arange(samples)[None] < real
  mel = LogMel()

  def run(wave):
    def f(wave):
      return (mel(wave, jnp.asarray(mask))[0] ** 2).sum()

    features, frames = mel(wave, jnp.asarray(mask))
    return features, frames, jax.grad(f)(wave)

  want = run(jnp.asarray(np.where(mask, wave, 0.0)))
  got = run(jnp.asarray(np.where(mask, wave, poison).astype(np.float32)))
  for a, b in zip(got, want, strict=True):
    np.testing.assert_array_equal(a, b)
  # The array's length is no part of the clip: the clip alone says the same.
  alone, frames = mel(jnp.asarray(wave[:, :real]), jnp.ones((1, real), bool))
  n = frames.shape[1]
  np.testing.assert_allclose(want[0][:, :n], alone, atol=1e-5)
  np.testing.assert_array_equal(want[1][:, :n], frames)
  assert not np.asarray(want[1][:, n:]).any()


def test_frequencies_are_checked():
  with pytest.raises(ValueError, match='fmin 0.0 and fmax 9000.0 must lie'):
    LogMel(fmax=9_000.0)
