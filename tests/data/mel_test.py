import librosa.filters
import numpy as np
import pytest

from mmjax.data import mel
from tests.spectra import mel_power


def _chirp(seconds=0.7, rate=16_000):
  t = np.arange(int(seconds * rate)) / rate
  noise = np.random.default_rng(0).normal(size=t.shape)
  return (np.sin(2 * np.pi * (200 + 3000 * t) * t) + 0.1 * noise).astype(
    np.float32
  )


@pytest.mark.parametrize(
  ('rate', 'n_fft', 'n_mels', 'fmin', 'fmax'),
  [
    (16_000, 512, 64, 0.0, None),
    (16_000, 400, 40, 20.0, 7600.0),
    (44_100, 2048, 128, 50.0, 8000.0),
  ],
)
def test_filters_are_those_of_librosa(rate, n_fft, n_mels, fmin, fmax):
  want = librosa.filters.mel(
    sr=rate,
    n_fft=n_fft,
    n_mels=n_mels,
    fmin=fmin,
    fmax=fmax,
    dtype=np.float64,
  )
  got = mel.mel_filter_bank(
    sample_rate=rate, n_fft=n_fft, mels=n_mels, fmin=fmin, fmax=fmax
  )
  np.testing.assert_allclose(got, want.T, atol=1e-12)


def test_filters_of_htk_are_those_of_librosa():
  want = librosa.filters.mel(
    sr=48_000,
    n_fft=1024,
    n_mels=64,
    fmin=50.0,
    fmax=14_000.0,
    htk=True,
    norm=None,
    dtype=np.float64,
  )
  got = mel.htk_filter_bank(
    sample_rate=48_000, n_fft=1024, mels=64, fmin=50.0, fmax=14_000.0
  )
  np.testing.assert_allclose(got, want.T, atol=1e-12)


@pytest.mark.parametrize('window', [None, 400, 401])
@pytest.mark.parametrize('length', [11_200, 11_199, 700])
def test_spectrogram_is_that_of_scipy(window, length):
  audio = _chirp()[:length]
  want = mel_power(audio, n_fft=512, hop=160, mels=64, window=window)
  got = mel.mel_spectrogram(audio, window=window)
  assert got.shape == want.shape
  np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9 * want.max())


def test_mel_scale_is_that_of_librosa_and_inverts():
  hz = np.array([0.0, 60.0, 440.0, 999.9, 1000.0, 1000.1, 7999.0])
  np.testing.assert_allclose(mel.hz_to_mel(hz), librosa.hz_to_mel(hz))
  np.testing.assert_allclose(mel.mel_to_hz(mel.hz_to_mel(hz)), hz)


def test_decibels_count_from_the_loudest_down_to_80():
  power = mel.mel_spectrogram(_chirp())
  want = np.maximum(10 * np.log10(power / power.max()), -80)
  np.testing.assert_allclose(mel.decibels(power), want, atol=1e-9)


def test_silence_has_finite_decibels():
  power = mel.mel_spectrogram(np.zeros(1600, np.float32))
  np.testing.assert_array_equal(mel.decibels(power), 0.0)


def test_a_tone_is_loudest_in_its_own_band():
  t = np.arange(16_000) / 16_000
  power = mel.mel_spectrogram(np.sin(2 * np.pi * 1000.0 * t))
  middle = mel.mel_to_hz(np.linspace(0, mel.hz_to_mel(np.array(8000.0)), 66))
  loudest = power.sum(axis=1).argmax()
  assert middle[loudest] < 1000.0 < middle[loudest + 2]


def test_errors_name_both_numbers():
  with pytest.raises(ValueError, match='window 600 is longer than n_fft 512'):
    mel.mel_spectrogram(np.zeros(1000), window=600)
  with pytest.raises(ValueError, match=r'fmin 9000\.0 is not below fmax 8000'):
    mel.mel_filter_bank(fmin=9000.0)
