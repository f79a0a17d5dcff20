"""wav2vec 2.0 of transformers, and HuBERT, which is built like it.

`*Model`, `*ForCTC` and `*ForSequenceClassification`.

Of those that were trained without a mask (`feat_extract_norm` is `group`) a
batch gives what each of its clips gives alone: padding is never seen.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/wav2vec2/modeling_wav2vec2.py
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from mmjax.encoders import WaveformTransformer
from mmjax.layers import (
  ConvPositions,
  DensePool,
  MeanPool,
  WaveformDoor,
  long_attention,
)
from mmjax.models.heads import Head, TokenHead
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  alone,
  common_prefix,
  shape,
  single_outputs,
)
from mmjax.pretrained.audio import AudioProcessor
from mmjax.pretrained.table import Row, attention, dense, norm, under, unroll
from mmjax.types import InputError

DEFAULTS = {
  'vocab_size': 32,
  'hidden_size': 768,
  'num_hidden_layers': 12,
  'num_attention_heads': 12,
  'intermediate_size': 3072,
  'hidden_act': 'gelu',
  'layer_norm_eps': 1e-5,
  'feat_extract_norm': 'group',
  'feat_extract_activation': 'gelu',
  'conv_dim': (512,) * 7,
  'conv_stride': (5, 2, 2, 2, 2, 2, 2),
  'conv_kernel': (10, 3, 3, 3, 3, 2, 2),
  'conv_bias': False,
  'num_conv_pos_embeddings': 128,
  'num_conv_pos_embedding_groups': 16,
  'do_stable_layer_norm': False,
  'add_adapter': False,
  'adapter_attn_dim': None,
  'use_weighted_layer_sum': False,
  'classifier_proj_size': 256,
  'id2label': (0, 1),
}
# What HuBERT can leave out, and what it can put in.
HUBERT = {'feat_proj_layer_norm': True, 'conv_pos_batch_norm': False}
_NORMS: dict[str, Any] = {'group': 'first', 'layer': 'each'}
_SPLIT = 'encoder.pos_conv_embed.conv.'
# Magnitude and direction of a kernel, as PyTorch 2 and 1 call them.
_NEW = (
  'parametrizations.weight.original0',
  'parametrizations.weight.original1',
)
_OLD = ('weight_g', 'weight_v')


def wav2vec2(
  config: Mapping[str, Any], names: Sequence[str], audio: AudioProcessor
) -> Architecture:
  """The architecture of a wav2vec 2.0.

  Raises:
    InputError: it has adapters, or a norm that is not known here.
  """
  return _architecture(Settings(config, DEFAULTS), names, audio, 'wav2vec2.')


def hubert(
  config: Mapping[str, Any], names: Sequence[str], audio: AudioProcessor
) -> Architecture:
  """The architecture of a HuBERT.

  Raises:
    InputError: as for a wav2vec 2.0, or its norms are others.
  """
  c = Settings(config, {**DEFAULTS, **HUBERT})
  for name, known in HUBERT.items():
    if getattr(c, name) != known:
      raise InputError(
        f'config.json: {name} is {getattr(c, name)!r}, known is {known!r}'
      )
  return _architecture(c, names, audio, 'hubert.')


def audio_processor(config: Mapping[str, Any]) -> AudioProcessor:
  """What transformers does where the folder does not say."""
  del config
  return AudioProcessor()


def _architecture(
  c: Settings, names: Sequence[str], audio: AudioProcessor, start: str
) -> Architecture:
  """The architecture of either.

  Args:
    c: the checkpoint's `config.json`.
    names: of its tensors.
    audio: what its preprocessor says.
    start: of the names of the encoder's tensors, if something stands on it.
  """
  if c.add_adapter or c.adapter_attn_dim is not None:
    raise InputError('config.json: adapters are not known here')
  if c.feat_extract_norm not in _NORMS:
    raise InputError(
      f'config.json: feat_extract_norm is {c.feat_extract_norm!r}, known are '
      f'{sorted(_NORMS)}'
    )
  prefix = common_prefix(names, start)
  stable = c.do_stable_layer_norm
  door: Any = WaveformDoor(
    widths=tuple(c.conv_dim),
    kernels=tuple(c.conv_kernel),
    strides=tuple(c.conv_stride),
    use_bias=c.conv_bias,
    norm=_NORMS[c.feat_extract_norm],
    activation=c.activation('feat_extract_activation'),
    normalize=audio.normalize,
  )
  encoder = WaveformTransformer(
    **c.transformer(
      order='pre' if stable else 'post',
      first_norm=not stable,
      last_norm=stable,
      attend=long_attention,
    ),
    door=door,
    positions=ConvPositions(
      kernel=c.num_conv_pos_embeddings,
      groups=c.num_conv_pos_embedding_groups,
      activation=c.activation('feat_extract_activation'),
    ),
    epsilon=c.layer_norm_eps,
    mask_token=f'{prefix}masked_spec_embed' in names,
  )
  heads, rows = _head(c, names)
  table = [
    *_frame_rows(c),
    *_position_rows(c, names),
    *norm(
      'encoder.layer_norm', f'transformer/{"norm" if stable else "first_norm"}'
    ),
    *_block_rows(c),
  ]
  if encoder.mask_token:
    table.append(Row('masked_spec_embed', 'mask_token'))
  rows += unroll(under(prefix, 'encoders_audio/', table), c.num_hidden_layers)
  return Architecture(
    model=alone('audio', encoder, heads),
    rows=rows,
    inputs={'audio': shape(1, door.field)},
    name_outputs=single_outputs,
    audio=dataclasses.replace(audio, shortest=door.field),
    # Of the pretraining.
    ignore=(r'^quantizer\.', r'^project_(hid|q)\.'),
  )


def _head(
  c: Settings, names: Sequence[str]
) -> tuple[dict[str, Any], list[Row]]:
  if 'lm_head.weight' in names:
    head = TokenHead(classes=c.vocab_size)
    return {'logits': head}, dense('lm_head', 'heads_logits/logits')
  if 'classifier.weight' not in names:
    return {}, []
  if c.use_weighted_layer_sum:
    raise InputError('config.json: use_weighted_layer_sum is not known here')
  # Projected and averaged, which is the same as averaged and projected.
  pool = DensePool(
    pool=MeanPool(), width=c.classifier_proj_size, activation=None
  )
  head = Head(classes=len(c.id2label), pool=pool, norm=False)
  return {'logits': head}, [
    *dense('projector', 'heads_logits/pool/dense'),
    *dense('classifier', 'heads_logits/logits'),
  ]


def _frame_rows(c: Settings) -> list[Row]:
  """From the samples to the width."""
  rows = [
    *norm('feature_projection.layer_norm', 'frame_norm'),
    *dense('feature_projection.projection', 'frames'),
  ]
  for i in range(len(c.conv_dim)):
    there, here = f'feature_extractor.conv_layers.{i}', f'door/conv_{i}'
    rows.append(Row(f'{there}.conv.weight', f'{here}/kernel', 'd c k -> k c d'))
    if c.conv_bias:
      rows.append(Row(f'{there}.conv.bias', f'{here}/bias'))
    if i == 0 or c.feat_extract_norm == 'layer':
      rows += norm(f'{there}.layer_norm', f'door/norm_{i}')
  return rows


def _position_rows(c: Settings, names: Sequence[str]) -> list[Row]:
  old = any(name.endswith(f'{_SPLIT}{_OLD[0]}') for name in names)
  magnitude, direction = _OLD if old else _NEW
  return under(
    _SPLIT,
    'positions/',
    [
      Row(magnitude, 'magnitude', 'd c k -> k c d'),
      Row(direction, 'direction', 'd c k -> k c d'),
      Row('bias', 'bias'),
    ],
  )


def _block_rows(c: Settings) -> list[Row]:
  rows = [
    *attention(
      'attention',
      c.num_attention_heads,
      query='attention.q_proj',
      key='attention.k_proj',
      value='attention.v_proj',
      out='attention.out_proj',
    ),
    *norm('layer_norm', 'attention_norm'),
    *dense('feed_forward.intermediate_dense', 'mlp/up'),
    *dense('feed_forward.output_dense', 'mlp/down'),
    *norm('final_layer_norm', 'mlp_norm'),
  ]
  return under('encoder.layers.{}.', 'transformer/block_{}/', rows)
