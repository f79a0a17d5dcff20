import numpy as np
import torch
import transformers as hf

from tests.pretrained.references.case import (
  Case,
  plain,
  randomize,
  sounds,
  texts,
)

SIZES = ((24, 3, 37), (20, 5, 33))


def config(i):
  width, heads, hidden = SIZES[i]
  return hf.WhisperConfig(
    vocab_size=99,
    num_mel_bins=(20, 16)[i],
    d_model=width,
    encoder_layers=2,
    encoder_attention_heads=heads,
    encoder_ffn_dim=hidden,
    decoder_layers=1 + i,
    decoder_attention_heads=(2, 4)[i],
    decoder_ffn_dim=(40, 30)[i],
    activation_function=('gelu', 'relu')[i],
    max_source_positions=50,
    max_target_positions=24,
    decoder_start_token_id=3,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
    begin_suppress_tokens=None,
  )


def extractor(i):
  """What makes spectrograms, of a window of a second."""
  return hf.WhisperFeatureExtractor(
    feature_size=(20, 16)[i], chunk_length=1, hop_length=160
  )


def _case(kind, i, *names):
  audio, mask = sounds(i, counts=(7_321, 3_000, 900))
  clips = [x[m] for x, m in zip(audio, mask, strict=True)]
  made = extractor(i)(clips, sampling_rate=16_000, return_tensors='np')
  ids, written, input_ids, _ = texts(i, pad=0)
  return Case(
    randomize(kind(config(i)), i),
    {
      'audio': np.where(mask, audio, 7.0),
      'text': ids,
      'mask': {'audio': mask, 'text': written},
    },
    {
      'input_features': torch.tensor(made['input_features']),
      'decoder_input_ids': input_ids,
    },
    plain('encoder_last_hidden_state', *names),
    dict.fromkeys(names, written),
  )


CASES = {
  'whisper': lambda i: _case(hf.WhisperModel, i, 'last_hidden_state'),
  'whisper_language': lambda i: _case(
    hf.WhisperForConditionalGeneration, i, 'logits'
  ),
}
