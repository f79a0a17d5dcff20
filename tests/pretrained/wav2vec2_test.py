"""What a config of wav2vec 2.0 or HuBERT may not say."""

import pytest

from mmjax.pretrained import wav2vec2
from mmjax.pretrained.audio import AudioProcessor
from mmjax.types import InputError


@pytest.mark.parametrize(
  ('build', 'config', 'error'),
  [
    ('wav2vec2', {'add_adapter': True}, 'adapters are not known here$'),
    (
      'hubert',
      {'conv_pos_batch_norm': True},
      'conv_pos_batch_norm is True, known is False$',
    ),
    (
      'hubert',
      {'feat_proj_layer_norm': False},
      'feat_proj_layer_norm is False, known is True$',
    ),
    (
      'hubert',
      {'use_weighted_layer_sum': True},
      'use_weighted_layer_sum is not known here$',
    ),
  ],
)
def test_what_is_not_known_is_an_error(build, config, error):
  with pytest.raises(InputError, match=rf'^config.json: {error}'):
    getattr(wav2vec2, build)(config, ['classifier.weight'], AudioProcessor())
