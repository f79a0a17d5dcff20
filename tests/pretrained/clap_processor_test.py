"""What CLAP's folders may say of sounds, without transformers."""

import functools

import numpy as np
import pytest

from mmjax.layers import DecibelMel
from mmjax.layers.power import doubled_power
from mmjax.pretrained import clap, clap_audio
from mmjax.pretrained.architecture import Settings
from mmjax.types import InputError

# As the published folders have it.
UNFUSED = {
  'chunk_length_s': 10,
  'feature_extractor_type': 'ClapFeatureExtractor',
  'feature_size': 64,
  'fft_window_size': 1024,
  'frequency_max': 14_000,
  'frequency_min': 50,
  'hop_length': 480,
  'max_length_s': 10,
  'n_fft': 1024,
  'nb_max_samples': 480_000,
  'padding': 'repeatpad',
  'padding_side': 'right',
  'sampling_rate': 48_000,
  'top_db': None,
  'truncation': 'rand_trunc',
}
FUSED = {**UNFUSED, 'truncation': 'fusion'}


_mel = functools.partial(DecibelMel, power=doubled_power)


def _processor(**config):
  return clap.audio_processor({'audio_config': config})


def test_the_folder_says_what_is_heard():
  got = _processor().read(UNFUSED)
  assert got.spectrogram == _mel()
  assert (got.rate, got.length, got.padding) == (48_000, 480_000, 'max_length')
  fused = _processor(enable_fusion=True).read(FUSED)
  assert fused.spectrogram == _mel(bank='htk', views=True)
  assert (fused.length, fused.shortest) == (None, 480_000)
  other = {
    **UNFUSED,
    'sampling_rate': 32_000,
    'max_length_s': 5,
    'padding': 'x',
  }
  got = _processor().read(other)
  assert got.rate == 32_000
  assert got.spectrogram == _mel(sample_rate=32_000, length=160_000, fill='pad')
  # Without a file, as transformers.
  assert _processor().read({}).spectrogram == _mel(fmin=0.0)


def test_long_clips_stay_whole_only_where_they_are_fused():
  clips = [np.ones(100, np.float32), np.ones(3_000, np.float32)]
  small = {'sampling_rate': 1_000, 'max_length_s': 2, 'frequency_max': 400}
  for fused, samples in ((False, 2_000), (True, 3_000)):
    process = _processor(enable_fusion=fused).read(
      {**(FUSED if fused else UNFUSED), **small}
    )
    x, mask = process(clips, sampling_rate=1_000)
    assert x.shape == (2, samples)
    assert mask.sum(axis=1).tolist() == [100, samples]


@pytest.mark.parametrize(
  ('config', 'said', 'match'),
  [
    ({}, FUSED, "truncation is 'fusion', of a config.json whose enable_fusion"),
    ({'enable_fusion': True}, UNFUSED, "is 'rand_trunc', .* True it is 'fusi"),
    (
      {'num_mel_bins': 32},
      UNFUSED,
      'feature_size is 64, num_mel_bins .* is 32',
    ),
    ({}, {'sampling_rate': 16_000}, 'fmax 14000.0 must lie in order'),
    ({}, {'padding_side': 'left'}, 'padding_side is not right'),
  ],
)
def test_what_the_preprocessor_may_not_say(config, said, match):
  with pytest.raises(InputError, match=match):
    _processor(**config).read(said)


@pytest.mark.parametrize(
  ('config', 'match'),
  [
    (
      {'enable_fusion': True, 'fusion_type': 'channel_map'},
      "fusion_type 'channel_map' is not known",
    ),
    ({'patch_embed_input_channels': 2}, 'patch_embed_input_channels is 2'),
    ({'flatten_patch_embeds': False}, 'flatten_patch_embeds is False'),
    ({'num_attention_heads': [4, 8, 16, 30]}, 'width 768 is not divisible by'),
    ({'spec_size': 64}, '1001 frames are more than the 64'),
    ({'hidden_act': 'mish'}, "hidden_act is 'mish', known are"),
  ],
)
def test_what_the_config_may_not_say(config, match):
  c = Settings(config, clap_audio.DEFAULTS)
  with pytest.raises(InputError, match=match):
    clap_audio.audio_encoder(c, _processor(**config))
