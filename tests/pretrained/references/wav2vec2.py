import numpy as np
import torch
import transformers as hf

from tests.pretrained.references.case import Case, plain, randomize, sounds

SIZES = ((24, 3, 37), (20, 5, 33))
KERNELS, STRIDES = (10, 3, 2), (5, 2, 2)
COUNTS = (900, 430)


def config(i, *, stable, family='Wav2Vec2'):
  """Group norm and no padding, or layer norms and masks, with either order."""
  width, heads, hidden = SIZES[i]
  return getattr(hf, f'{family}Config')(
    vocab_size=11,
    hidden_size=width,
    num_attention_heads=heads,
    intermediate_size=hidden,
    num_hidden_layers=2,
    feat_extract_norm=('group', 'layer')[i],
    feat_extract_activation=('gelu', 'gelu_new')[i],
    do_stable_layer_norm=stable,
    conv_dim=((8, 12, 16), (12, 8, 8))[i],
    conv_kernel=KERNELS,
    conv_stride=STRIDES,
    conv_bias=bool(i),
    num_conv_pos_embeddings=(6, 5)[i],
    num_conv_pos_embedding_groups=(4, 5)[i],
    mask_time_prob=(0.05, 0.0)[i],
    classifier_proj_size=(9, 14)[i],
    num_labels=4,
  )


def frames(counts):
  """Which frames are real, of so many samples."""
  counts = np.asarray(counts)
  for kernel, stride in zip(KERNELS, STRIDES, strict=True):
    counts = (counts - kernel) // stride + 1
  return np.arange(max(counts))[None] < counts[:, None]


def _case(kind, i, name, *, stable, family='Wav2Vec2'):
  # With a group norm transformers sees the padding, and we do not.
  counts = COUNTS if i else COUNTS[:1] * 2
  audio, mask = sounds(i, counts=counts)
  extract = hf.Wav2Vec2FeatureExtractor(return_attention_mask=True)
  inputs = extract(
    [x[m] for x, m in zip(audio, mask, strict=True)],
    sampling_rate=16_000,
    padding=True,
    return_tensors='pt',
  )
  assert isinstance(inputs.attention_mask, torch.Tensor)
  return Case(
    randomize(
      getattr(hf, f'{family}{kind}')(config(i, stable=stable, family=family)), i
    ),
    {'audio': np.where(mask, audio, 7.0), 'mask': {'audio': mask}},
    dict(inputs),
    plain(name),
    {} if 'Classification' in kind else {name: frames(counts)},
  )


def _three(family):
  name = family.lower()
  return {
    name: lambda i: _case(
      'Model', i, 'last_hidden_state', stable=bool(i), family=family
    ),
    f'{name}_ctc': lambda i: _case(
      'ForCTC', i, 'logits', stable=not i, family=family
    ),
    f'{name}_classifier': lambda i: _case(
      'ForSequenceClassification', i, 'logits', stable=bool(i), family=family
    ),
  }


CASES = _three('Wav2Vec2') | _three('Hubert')
