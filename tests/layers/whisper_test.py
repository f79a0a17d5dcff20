"""Whisper's log-mel against one that reads like its definition."""

import jax
import jax.numpy as jnp
import numpy as np

from mmjax.data.mel import mel_filter_bank
from mmjax.layers import WhisperMel


def _plain(x):
  """Mirrored at both ends; no frame of the last part of a hop."""
  padded = np.pad(x.astype(np.float64), 200, mode='reflect')
  frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160]
  window = np.hanning(401)[:-1]
  spectrum = np.abs(np.fft.rfft(frames * window)) ** 2
  power = spectrum @ mel_filter_bank(n_fft=400, mels=20, fmax=8_000.0)
  log = np.log10(np.maximum(power[: len(x) // 160], 1e-10))
  return (np.maximum(log, log.max() - 8) + 4) / 4


def test_it_is_what_it_says(rng):
  x = (rng.normal(size=3_217) * np.geomspace(1, 1e-6, 3_217)).astype(np.float32)
  mel = WhisperMel(mels=20, length=3_217)
  got, real = jax.jit(mel)(jnp.asarray(x[None]), jnp.ones((1, 3_217), bool))
  assert got.shape == (1, mel.frames(3_217), 20)
  assert np.asarray(real).all()
  want = _plain(x)
  np.testing.assert_allclose(got[0], want, atol=1e-3)
  # Some of it is softer than it may be.
  assert (want == want.min()).mean() > 0.1


def test_a_clip_is_filled_up_and_an_absent_one_is_not_there(rng):
  x = rng.normal(size=(2, 900)).astype(np.float32)
  mask = np.array([[True] * 900, [False] * 900])
  mask[0, 500:] = False
  mel = jax.jit(WhisperMel(mels=20, length=1_600))
  got, real = mel(jnp.asarray(np.where(mask, x, np.nan)), jnp.asarray(mask))
  np.testing.assert_array_equal(real, [[True] * 10, [False] * 10])
  whole = np.zeros(1_600, np.float32)
  whole[:500] = x[0, :500]
  np.testing.assert_allclose(got[0], _plain(whole), atol=1e-3)
  assert not np.asarray(got[1]).any()
