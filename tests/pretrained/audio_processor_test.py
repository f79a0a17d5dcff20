import numpy as np
import pytest
import soundfile

from mmjax.pretrained.audio import AudioProcessor
from mmjax.pretrained.preprocess import Preprocess
from mmjax.types import InputError


def test_arrays_and_files_become_one_padded_batch(rng, tmp_path):
  mono = rng.uniform(-1, 1, 300).astype(np.float32)
  stereo = rng.uniform(-1, 1, (2, 200)).astype(np.float32)
  file = tmp_path / 'one.wav'
  soundfile.write(file, mono[:100], 16_000, subtype='FLOAT')
  preprocess = Preprocess(audio=AudioProcessor())
  batch = preprocess(
    audio=[mono, stereo, stereo.T, file, (mono * 32_768).astype(np.int16)],
    sampling_rate=16_000,
  )
  x, mask = batch['audio'], batch['mask']['audio']
  assert mask.sum(axis=1).tolist() == [300, 200, 200, 100, 300]
  assert not x[~mask].any()
  np.testing.assert_array_equal(x[0], mono)
  np.testing.assert_allclose(x[1, :200], stereo.mean(axis=0), atol=1e-7)
  np.testing.assert_array_equal(x[1], x[2])
  np.testing.assert_array_equal(x[3, :100], mono[:100])
  np.testing.assert_allclose(x[4], mono, atol=1 / 32_768)


def test_another_rate_is_resampled():
  time = np.arange(8_000) / 8_000
  x, mask = AudioProcessor()(
    [np.sin(2 * np.pi * 440 * time)], sampling_rate=8_000
  )
  want = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
  assert mask.sum() == 16_000
  np.testing.assert_allclose(x[0, 500:-500], want[500:-500], atol=1e-4)


def test_lengths_are_kept():
  process = AudioProcessor(length=50, padding='max_length')
  x, mask = process([np.ones(20), np.ones(80)], sampling_rate=16_000)
  assert x.shape == (2, 50)
  assert mask.sum(axis=1).tolist() == [20, 50]
  x, _ = AudioProcessor(shortest=30)([np.ones(20)], sampling_rate=16_000)
  assert x.shape == (1, 30)


def test_the_folder_says_rate_and_normalisation():
  config = {'sampling_rate': 8_000, 'do_normalize': False, 'mean': 1.0}
  got = AudioProcessor(std=3.0).read(config)
  want = AudioProcessor(rate=8_000, normalize=False, mean=1.0, std=3.0)
  assert got == want


@pytest.mark.parametrize(
  ('sound', 'rate', 'match'),
  [
    (np.ones(9), None, 'sampling_rate=.* is not given'),
    (np.ones(9), 0, 'sampling_rate 0 is not above 0'),
    (np.ones((9, 9)), 8_000, r'shape \(9, 9\)'),
    (np.ones(0), 8_000, r'shape \(0,\)'),
    (1.0, 8_000, r'shape \(\)'),
    (np.array([0.0, np.nan]), 8_000, 'NaN'),
    (np.ones(9, np.uint8), 8_000, 'uint8'),
    ('nowhere.wav', None, 'no such file'),
  ],
)
def test_what_is_no_sound_is_an_error(sound, rate, match):
  with pytest.raises(InputError, match=match):
    AudioProcessor()([sound], sampling_rate=rate)


def test_the_model_must_take_sounds():
  with pytest.raises(InputError, match='takes no audio'):
    Preprocess()(audio=[np.ones(9)], sampling_rate=16_000)
  with pytest.raises(InputError, match='audio is an empty list'):
    Preprocess(audio=AudioProcessor())(audio=[])
