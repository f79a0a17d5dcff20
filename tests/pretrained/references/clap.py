import numpy as np
import transformers as hf

from tests.pretrained.references.case import (
  Case,
  plain,
  randomize,
  sounds,
  texts,
)

# One second of 8 kHz. The grids are not whole windows of the first; the second
# has overlapping patches, and a last stage that is one window.
AUDIO = (
  {
    'spec_size': 48,
    'num_mel_bins': 16,
    'patch_embeds_hidden_size': 9,
    'hidden_size': 18,
    'depths': [2, 1],
    'num_attention_heads': [3, 6],
    'window_size': 5,
    'mlp_ratio': 1.5,
  },
  {
    'spec_size': 64,
    'num_mel_bins': 64,
    'patch_size': [6, 6],
    'patch_embeds_hidden_size': 6,
    'hidden_size': 24,
    'depths': [1, 2, 1],
    'num_attention_heads': [1, 3, 6],
    'window_size': 4,
    'hidden_act': 'gelu_new',
    'qkv_bias': False,
    'enable_patch_layer_norm': False,
    'enable_fusion': True,
    'aff_block_r': 2,
    'layer_norm_eps': 1e-3,
  },
)
TEXT = ((12, 3, 17), (20, 5, 33))
# Shorter than a spectrogram, longer by less than a step, and longer.
COUNTS = ((900, 500, 8_300), (700, 8_030, 20_000))
OUTPUTS = plain(
  'audio_embeds', 'text_embeds', 'logits_per_audio', 'logits_per_text'
) | {
  f'{name}_hidden_state': lambda found, name=name: (
    found[f'{name}_model_output'].last_hidden_state
  )
  for name in ('audio', 'text')
}


def extractor(i, **changes):
  return hf.ClapFeatureExtractor(
    **{
      'feature_size': AUDIO[i]['num_mel_bins'],
      'sampling_rate': 8_000,
      'hop_length': 128,
      'max_length_s': 1,
      'fft_window_size': 256,
      'frequency_min': 50,
      'frequency_max': 3_500,
      'truncation': ('rand_trunc', 'fusion')[i],
      'padding': ('repeatpad', 'repeat')[i],
      **changes,
    }
  )


class FirstCrops:
  """In place of `numpy.random`: the first of what there is to choose from."""

  choice = staticmethod(lambda values: values[0])
  randint = staticmethod(lambda low, high: low)


def features(extract, clips, rate):
  """What transformers would give if it always took the first crop.

  And would not take a clip for longer that is not.
  """
  before = np.random.choice, np.random.randint
  np.random.choice, np.random.randint = FirstCrops.choice, FirstCrops.randint
  try:
    found = extract(clips, sampling_rate=rate, return_tensors='pt')
  finally:
    np.random.choice, np.random.randint = before
  if extract.truncation == 'fusion':
    most = extract.nb_max_samples // extract.hop_length
    longer = [len(clip) // extract.hop_length > most for clip in clips]
    found['is_longer'] = found['is_longer'].new_tensor(longer)[:, None]
  return found


def _sounds(i):
  audio, mask = sounds(i, counts=COUNTS[i])
  # In few steps, so that the file is small.
  audio = np.round(audio * 128).astype(np.float32) / 128
  clips = [x[m] for x, m in zip(audio, mask, strict=True)]
  extract = extractor(i)
  inputs = features(extract, clips, 8_000)
  return extract, np.where(mask, audio, np.float32(7)), mask, dict(inputs)


def _text(i):
  width, heads, hidden = TEXT[i]
  return {
    'vocab_size': 99,
    'hidden_size': width,
    'num_attention_heads': heads,
    'intermediate_size': hidden,
    'num_hidden_layers': 2,
    'max_position_embeddings': 20,
    'hidden_act': ('gelu', 'relu')[i],
  }


PROJECTION = (
  {'projection_dim': 10},
  {'projection_dim': 12, 'projection_hidden_act': 'gelu'},
)


def _clap(i):
  config = hf.ClapConfig(
    audio_config=AUDIO[i], text_config=_text(i), **PROJECTION[i]
  )
  extract, audio, here, inputs = _sounds(i)
  ids, mask, input_ids, attention_mask = texts(i)
  return Case(
    randomize(hf.ClapModel(config), i),
    {'audio': audio, 'text': ids, 'mask': {'audio': here, 'text': mask}},
    {**inputs, 'input_ids': input_ids, 'attention_mask': attention_mask},
    OUTPUTS,
    {'text_hidden_state': mask},
    extract,
  )


def _audio(i):
  """The tower alone, with the projection and without."""
  kind = (hf.ClapAudioModelWithProjection, hf.ClapAudioModel)[i]
  extract, audio, mask, inputs = _sounds(i)
  return Case(
    randomize(kind(hf.ClapAudioConfig(**AUDIO[i], **PROJECTION[i])), i),
    {'audio': audio, 'mask': {'audio': mask}},
    inputs,
    plain('last_hidden_state', ('audio_embeds', 'pooler_output')[i]),
    extractor=extract,
  )


def _words(i):
  kind = (hf.ClapTextModelWithProjection, hf.ClapTextModel)[i]
  ids, mask, input_ids, attention_mask = texts(i)
  return Case(
    randomize(kind(hf.ClapTextConfig(**_text(i), **PROJECTION[i])), i),
    {'text': ids, 'mask': {'text': mask}},
    {'input_ids': input_ids, 'attention_mask': attention_mask},
    plain('last_hidden_state', ('text_embeds', 'pooler_output')[i]),
    {'last_hidden_state': mask},
  )


CASES = {'clap': _clap, 'clap_audio': _audio, 'clap_text': _words}
