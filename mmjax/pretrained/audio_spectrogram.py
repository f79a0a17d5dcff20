"""AST of transformers: `ASTModel` and `ASTForAudioClassification`.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/audio_spectrogram_transformer/modeling_audio_spectrogram_transformer.py
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn

from mmjax.encoders import AudioSpectrogramTransformer
from mmjax.layers import (
  FirstTokens,
  KaldiMel,
  LearnedPositions,
  long_attention,
)
from mmjax.models.heads import Head, Pooled
from mmjax.pretrained import vit
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  alone,
  common_prefix,
  shape,
  single_outputs,
)
from mmjax.pretrained.audio import AudioProcessor
from mmjax.pretrained.table import Row, dense, norm, under, unroll

DEFAULTS = {
  'hidden_size': 768,
  'num_hidden_layers': 12,
  'num_attention_heads': 12,
  'intermediate_size': 3072,
  'hidden_act': 'gelu',
  'layer_norm_eps': 1e-12,
  'patch_size': 16,
  'qkv_bias': True,
  'frequency_stride': 10,
  'time_stride': 10,
  'max_length': 1024,
  'num_mel_bins': 128,
}
TOKENS = ('class_token', 'distillation_token')


def audio_spectrogram(
  config: Mapping[str, Any], names: Sequence[str], audio: AudioProcessor
) -> Architecture:
  """The architecture of an AST.

  Args:
    config: the checkpoint's `config.json`.
    names: of its tensors.
    audio: what its preprocessor says.
  """
  c = Settings(config, DEFAULTS)
  biases = ('query', 'key', 'value') if c.qkv_bias else ()
  spectrogram = KaldiMel(
    sample_rate=audio.rate,
    mels=c.num_mel_bins,
    length=c.max_length,
    mean=audio.mean if audio.normalize else 0.0,
    std=audio.std if audio.normalize else 0.5,
  )
  encoder = AudioSpectrogramTransformer(
    **c.transformer(biases=(*biases, 'out', 'mlp'), attend=long_attention),
    spectrogram=spectrogram,
    patch_size=(c.patch_size, c.patch_size),
    stride=(c.time_stride, c.frequency_stride),
    rest='drop',
    order='frequency',
    first_tokens=TOKENS,
    positions=LearnedPositions(),
  )
  pool: Any = FirstTokens(count=len(TOKENS))
  heads: dict[str, Any] = {'pooler_output': Pooled(pool=pool)}
  rows: list[Row] = []
  if 'classifier.dense.weight' in names:
    last: Any = nn.LayerNorm(epsilon=c.layer_norm_eps)
    heads['logits'] = Head(
      classes=len(config.get('id2label', {0: 0, 1: 1})),
      norm=False,
      pool=nn.Sequential([pool, last]),
    )
    rows += [
      *norm('classifier.layernorm', 'heads_logits/pool/layers_1'),
      *dense('classifier.dense', 'heads_logits/logits'),
    ]
  table = [
    *_embedding_rows(c),
    *norm('layernorm', 'transformer/norm'),
    *under('encoder.layer.{}.', f'{vit.BLOCK}/', vit.block_rows(c)),
  ]
  prefix = common_prefix(names, 'audio_spectrogram_transformer.')
  rows += unroll(under(prefix, 'encoders_audio/', table), c.num_hidden_layers)
  # What lies behind the last frame is not looked at.
  samples = (c.max_length - 1) * spectrogram.hop + spectrogram.window
  return Architecture(
    model=alone('audio', encoder, heads),
    rows=rows,
    inputs={'audio': shape(1, samples)},
    name_outputs=single_outputs,
    audio=dataclasses.replace(audio, length=samples, padding='max_length'),
  )


def audio_processor(config: Mapping[str, Any]) -> AudioProcessor:
  """What transformers does where the folder does not say."""
  del config
  return AudioProcessor(mean=KaldiMel.mean, std=KaldiMel.std)


def _embedding_rows(c: Settings) -> list[Row]:
  """Class and distillation token, patches and positions."""
  projection = 'embeddings.patch_embeddings.projection'
  return [
    Row('embeddings.cls_token', 'class_token'),
    Row('embeddings.distillation_token', 'distillation_token'),
    Row(
      'embeddings.position_embeddings',
      ('first_positions', 'positions/table'),
      '1 n d -> n d',
    ),
    Row(
      f'{projection}.weight',
      'patches/kernel',
      'd 1 q p -> (p q) d',
      {'p': c.patch_size, 'q': c.patch_size},
    ),
    Row(f'{projection}.bias', 'patches/bias'),
  ]
