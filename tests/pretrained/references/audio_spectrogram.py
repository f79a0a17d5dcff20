import numpy as np
import transformers as hf

from tests.pretrained.references.case import Case, plain, randomize, sounds

SIZES = (
  {'hidden_size': 24, 'num_attention_heads': 3, 'intermediate_size': 37},
  {
    'hidden_size': 20,
    'num_attention_heads': 5,
    'intermediate_size': 33,
    'qkv_bias': False,
    'hidden_act': 'gelu_new',
    'patch_size': 8,
    'time_stride': 8,
    'frequency_stride': 5,
  },
)
FRAMES, MELS = 41, 32


def _case(kind, which, *names):
  """A clip that is filled up with silence, and one that is cut."""
  config = hf.ASTConfig(
    **SIZES[which],
    num_hidden_layers=2,
    max_length=FRAMES,
    num_mel_bins=MELS,
    num_labels=5,
  )
  extract = hf.ASTFeatureExtractor(max_length=FRAMES, num_mel_bins=MELS)
  audio, mask = sounds(which, counts=(9_000, 3_000))
  features = extract(
    [x[m] for x, m in zip(audio, mask, strict=True)],
    sampling_rate=16_000,
    return_tensors='pt',
  )
  return Case(
    randomize(kind(config), which),
    # What a mask hides is not looked at.
    {'audio': np.where(mask, audio, 7.0), 'mask': {'audio': mask}},
    {'input_values': features.input_values},
    plain(*names),
  )


CASES = {
  'ast': lambda i: _case(hf.ASTModel, i, 'last_hidden_state', 'pooler_output'),
  'ast_classifier': lambda i: _case(hf.ASTForAudioClassification, i, 'logits'),
}
