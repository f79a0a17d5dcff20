"""Waveform loading."""

import numpy as np
import pytest
import soundfile

from mmjax.data import audio
from mmjax.data.errors import RecordError


def _sine(hz, rate, seconds=0.5):
  return np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


def test_load_gives_the_mean_of_the_channels_at_16_khz(tmp_path):
  file = tmp_path / 'a.wav'
  left, right = 0.6 * _sine(440, 44_100), 0.2 * _sine(1000, 44_100)
  soundfile.write(file, np.stack([left, right], 1), 44_100, subtype='FLOAT')
  x = audio.load(file)
  expected = 0.3 * _sine(440, 16_000) + 0.1 * _sine(1000, 16_000)
  assert x.dtype == np.float32
  assert len(x) == 8000
  # Not at the ends, where the resampler's filter sees silence.
  np.testing.assert_allclose(x[400:-400], expected[400:-400], atol=1e-4)


def test_resampling_removes_what_16_khz_cannot_hold(tmp_path):
  file = tmp_path / 'a.wav'
  soundfile.write(file, 0.9 * _sine(12_000, 48_000), 48_000)
  assert np.abs(audio.load(file)[400:-400]).max() < 1e-3


def test_load_keeps_samples_that_have_the_rate_already(tmp_path):
  file = tmp_path / 'a.flac'
  x = np.array([0, 16_384, -32_768, 32_767], np.int16)
  soundfile.write(file, x, 16_000)
  np.testing.assert_array_equal(audio.load(file), x / np.float32(32_768))
  np.testing.assert_array_equal(audio.to_int16(audio.load(file)), x)


def test_to_int16_clips_instead_of_wrapping():
  x = audio.to_int16(np.array([1.5, -1.5, 1.0, 0.25], np.float32))
  assert x.tolist() == [32_767, -32_768, 32_767, 8192]


def test_to_length_pads_cuts_and_scales():
  x, mask = audio.to_length(np.array([16_384, -8192], np.int16), 4)
  assert x.dtype == np.float32
  assert x.tolist() == [0.5, -0.25, 0, 0]
  assert mask.tolist() == [True, True, False, False]
  x, mask = audio.to_length(np.array([0.5, 0.25, 0.125], np.float32), 2)
  assert x.tolist() == [0.5, 0.25]
  assert mask.all()
  _, mask = audio.to_length(np.zeros(0, np.int16), 3)
  assert not mask.any()


def test_errors_name_the_file_and_what_is_wrong(tmp_path):
  noise = tmp_path / 'noise.ogg'
  noise.write_bytes(b'no sound at all')
  with pytest.raises(RecordError, match=r'noise\.ogg: cannot read .*ormat'):
    audio.load(noise)
  with pytest.raises(RecordError, match=r'none\.ogg: .*no such file'):
    audio.load(tmp_path / 'none.ogg')
  empty = tmp_path / 'empty.wav'
  soundfile.write(empty, np.zeros(0), 16_000)
  with pytest.raises(RecordError, match=r'empty\.wav: .*no samples'):
    audio.load(empty)
  nan = tmp_path / 'nan.wav'
  soundfile.write(nan, np.array([0, np.nan]), 16_000, subtype='FLOAT')
  with pytest.raises(RecordError, match=r'nan\.wav: .*NaN'):
    audio.load(nan)


def test_a_file_cut_off_in_its_header_is_named(tmp_path):
  whole, cut = tmp_path / 'whole.ogg', tmp_path / 'cut.ogg'
  soundfile.write(whole, 0.5 * _sine(440, 16_000), 16_000)
  cut.write_bytes(whole.read_bytes()[:60])
  with pytest.raises(RecordError, match=r'cut\.ogg: cannot read this sound'):
    audio.load(cut)
