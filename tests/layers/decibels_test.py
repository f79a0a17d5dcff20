import jax
import jax.numpy as jnp
import librosa.filters
import numpy as np
import pytest

from mmjax.layers.decibels import DecibelMel
from mmjax.layers.power import doubled_power

RATE, LENGTH, HOP = 8_000, 1_200, 100
SMALL = {
  'sample_rate': RATE,
  'n_fft': 256,
  'hop': HOP,
  'mels': 12,
  'fmax': 4_000.0,
  'length': LENGTH,
}


def _run(mel, wave):
  return jax.jit(mel)(jnp.asarray(wave)[None], jnp.ones((1, len(wave)), bool))


def _filled(wave, fill):
  """One clip at its length, as a list of samples."""
  wave = list(wave)
  if fill == 'repeat':
    while len(wave) < LENGTH:
      wave = wave + wave
    return np.array(wave[:LENGTH])
  whole = wave * (LENGTH // len(wave)) if fill == 'repeatpad' else wave
  return np.array(whole + [0.0] * (LENGTH - len(whole)))


def _decibels(wave, bank):
  """By the definition, in double precision, with the filters of librosa."""
  wave = np.pad(np.asarray(wave, np.float64), 128, mode='reflect')
  frames = np.lib.stride_tricks.sliding_window_view(wave, 256)[::HOP]
  window = np.sin(np.pi * np.arange(256) / 256) ** 2
  power = np.abs(np.fft.rfft(frames * window)) ** 2
  names = {'htk': True, 'norm': None} if bank == 'htk' else {}
  filters = librosa.filters.mel(
    sr=RATE, n_fft=256, n_mels=12, fmin=50, dtype=np.float64, **names
  )
  return 10 * np.log10(np.maximum(power @ filters.T, 1e-10))


@pytest.mark.parametrize(
  ('fill', 'bank'),
  [('repeatpad', 'slaney'), ('repeat', 'htk'), ('pad', 'slaney')],
)
def test_a_short_clip_is_filled_up(rng, fill, bank):
  wave = (rng.normal(size=500) * 0.1).astype(np.float32)
  mel = DecibelMel(**SMALL, fill=fill, bank=bank)
  got, longer = _run(mel, wave)
  want = _decibels(_filled(wave, fill), bank)
  assert got.shape == (1, 1, mel.frames, 12)
  np.testing.assert_allclose(got[0, 0], want, atol=1e-3)
  assert not longer.any()


def test_of_a_long_clip_there_is_the_start(rng):
  wave = (rng.normal(size=3_000) * 0.1).astype(np.float32)
  mel = DecibelMel(**SMALL)
  got, longer = _run(mel, wave)
  np.testing.assert_allclose(
    got[0, 0], _decibels(wave[:LENGTH], 'slaney'), atol=1e-3
  )
  assert not longer.any()


@pytest.mark.parametrize(
  ('samples', 'starts'),
  # Of 5, 2 and 1 places where a piece of 13 frames can begin.
  [(1_650, (0, 2, 4)), (1_300, (0, 1, 0)), (1_250, (0, 0, 0))],
)
def test_views_of_a_long_clip(rng, samples, starts):
  wave = (rng.normal(size=samples) * 0.1).astype(np.float32)
  mel = DecibelMel(**SMALL, views=True)
  got, longer = _run(mel, wave)
  whole = _decibels(wave, 'slaney')
  frames, count = mel.frames, len(whole)
  where = (np.arange(frames) + 0.5) * count / frames - 0.5
  squeezed = np.stack(
    [np.interp(where, np.arange(count), band) for band in whole.T], axis=1
  )
  want = [squeezed, *(whole[s : s + frames] for s in starts)]
  np.testing.assert_allclose(got[0], np.stack(want), atol=1e-3)
  assert longer.tolist() == [count > frames]


@pytest.mark.parametrize(
  'views', [pytest.param(False, marks=pytest.mark.slow), True]
)
def test_padding_changes_neither_features_nor_gradient(rng, views):
  mel = DecibelMel(**SMALL, views=views)
  wave = (rng.normal(size=(4, 2_500)) * 0.1).astype(np.float32)
  mask = np.arange(2_500)[None] < np.array([2_500, 0, 500, 1])[:, None]
  here = jnp.asarray(mask)

  @jax.jit
  def run(wave):
    def f(wave):
      x, longer = mel(wave, here)
      return (x**2).sum(), (x, longer)

    return jax.grad(f, has_aux=True)(wave)

  want = run(jnp.where(here, wave, 0.0))
  for poison in (1e4, np.nan):
    got = run(jnp.where(here, wave, poison))
    jax.tree.map(np.testing.assert_array_equal, got, want)
  gradient, (x, longer) = want
  assert longer.tolist() == [views, False, False, False]
  assert not np.asarray(x[1]).any()
  assert np.isfinite(gradient).all()
  assert not np.asarray(gradient)[~mask].any()
  alone, _ = _run(mel, wave[2, :500])
  np.testing.assert_allclose(x[2], alone[0], atol=1e-4)


def test_what_is_quiet_beside_a_tone_is_right_in_doubled_precision():
  wave = np.sin(2 * np.pi * 500 * np.arange(LENGTH) / RATE) * 0.7
  wave = wave.astype(np.float32)
  mel = DecibelMel(**SMALL, power=doubled_power)
  got, _ = _run(mel, wave)
  want = _decibels(wave, 'slaney')
  # So much quieter, where float32 alone is off by more.
  assert want.max() - want.min() > 80
  np.testing.assert_allclose(got[0, 0], want, atol=1e-3)


def test_fields_are_checked():
  with pytest.raises(ValueError, match='n_fft 100 is not a power of two'):
    DecibelMel(**{**SMALL, 'n_fft': 100})
  with pytest.raises(ValueError, match=r'fmin 50.0 and fmax 5000.0 must lie'):
    DecibelMel(**{**SMALL, 'fmax': 5_000.0})
  with pytest.raises(ValueError, match='length 128 is not above half of n_fft'):
    DecibelMel(**{**SMALL, 'length': 128})
