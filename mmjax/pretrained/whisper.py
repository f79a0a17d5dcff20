"""Whisper of transformers: `WhisperModel`, `WhisperForConditionalGeneration`.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/whisper/modeling_whisper.py
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from mmjax.decoders.text import TextDecoder
from mmjax.encoders import SpeechTransformer
from mmjax.fusion import Only
from mmjax.layers import (
  ByteEmbedding,
  LearnedPositions,
  StoredPositions,
  Style,
  WhisperMel,
  long_attention,
)
from mmjax.models.generative import Generative
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  common_prefix,
  shape,
)
from mmjax.pretrained.audio import AudioProcessor
from mmjax.pretrained.table import Row, attention, dense, norm, under, unroll
from mmjax.pretrained.texts import TextProcessor
from mmjax.pretrained.transcribe import transcribe
from mmjax.types import InputError, Outputs

DEFAULTS = {
  'vocab_size': 51865,
  'num_mel_bins': 80,
  'd_model': 384,
  'encoder_layers': 4,
  'encoder_attention_heads': 6,
  'encoder_ffn_dim': 1536,
  'decoder_layers': 4,
  'decoder_attention_heads': 6,
  'decoder_ffn_dim': 1536,
  'activation_function': 'gelu',
  'max_source_positions': 1500,
  'max_target_positions': 448,
  'pad_token_id': 50256,
  'tie_word_embeddings': True,
}
_BIASES = ('query', 'value', 'out')


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpeechProcessor(AudioProcessor):
  """The sound as it is, and how the encoder makes a spectrogram of it."""

  n_fft: int = 400
  """Window of a frame, in samples."""
  hop: int = 160
  """Samples from one frame to the next."""

  def read(self, config: Mapping[str, Any]) -> 'SpeechProcessor':
    """With what a `preprocessor_config.json` says in place of the defaults.

    Raises:
      InputError: it wants something that is not known here.
    """
    for name in ('do_normalize', 'dither'):
      if config.get(name):
        raise InputError(
          f'preprocessor_config.json: {name} is {config[name]!r}, which is not '
          'known here'
        )
    found: Any = super().read({**config, 'do_normalize': False})
    return dataclasses.replace(
      found,
      n_fft=config.get('n_fft', self.n_fft),
      hop=config.get('hop_length', self.hop),
    )


def whisper(
  config: Mapping[str, Any], names: Sequence[str], audio: SpeechProcessor
) -> Architecture:
  """The architecture of a Whisper.

  Args:
    config: the checkpoint's `config.json`.
    names: of its tensors.
    audio: what its preprocessor says.
  """
  c = Settings(config, DEFAULTS)
  # The second convolution halves the frames.
  samples = 2 * c.max_source_positions * audio.hop
  style = Style(
    norm=nn.LayerNorm(epsilon=1e-5),
    activation=c.activation('activation_function'),
    biases=(*_BIASES, 'mlp'),
  )
  encoder = SpeechTransformer(
    width=c.d_model,
    depth=c.encoder_layers,
    heads=c.encoder_attention_heads,
    mlp_ratio=c.encoder_ffn_dim / c.d_model,
    style=dataclasses.replace(style, attend=long_attention),
    spectrogram=WhisperMel(
      sample_rate=audio.rate,
      n_fft=audio.n_fft,
      hop=audio.hop,
      mels=c.num_mel_bins,
      length=samples,
    ),
    positions=StoredPositions(length=c.max_source_positions),
  )
  prefix = common_prefix(names, 'model.')
  speaks, head = bool(prefix), None
  rows: list[Row] = []
  ignore: tuple[str, ...] = ()
  if speaks and not c.tie_word_embeddings:
    head = nn.Dense(c.vocab_size, use_bias=False)
    rows += dense('proj_out', 'decoder/head', bias=False)
  else:
    ignore = (r'^proj_out\.weight$',)
  decoder = TextDecoder(
    width=c.d_model,
    depth=c.decoder_layers,
    heads=c.decoder_attention_heads,
    mlp_ratio=c.decoder_ffn_dim / c.d_model,
    style=style,
    embed=ByteEmbedding(vocabulary=c.vocab_size),
    positions=LearnedPositions(length=c.max_target_positions),
    head=head,
  )
  rows += _encoder_rows(c, prefix) + _decoder_rows(c, prefix)
  length = c.max_target_positions
  return Architecture(
    model=Generative(
      encoders={'audio': encoder},
      fusion=Only(modality='audio'),
      decoder=decoder,
    ),
    rows=rows,
    inputs={'audio': shape(1, samples), 'text': shape(1, 1, dtype=jnp.int32)},
    name_outputs=_spoken if speaks else _heard,
    audio=dataclasses.replace(audio, length=samples, padding='max_length'),
    text=TextProcessor(length=length, pad=c.pad_token_id or 0),
    ignore=ignore,
    generate=transcribe if speaks else None,
  )


def audio_processor(config: Mapping[str, Any]) -> SpeechProcessor:
  """What transformers does where the folder does not say."""
  del config
  return SpeechProcessor(normalize=False)


def _heard(outputs: Outputs) -> dict[str, Any]:
  return {
    'last_hidden_state': outputs['tokens']['text'].x,
    'encoder_last_hidden_state': outputs['fused'].x,
  }


def _spoken(outputs: Outputs) -> dict[str, Any]:
  encoded = outputs['fused'].x
  return {'encoder_last_hidden_state': encoded, **outputs['logits']}


def _encoder_rows(c: Settings, prefix: str) -> list[Row]:
  rows = [
    *norm('layer_norm', 'transformer/norm'),
    *_block_rows(c.encoder_attention_heads),
  ]
  for i in (0, 1):
    there, here = f'conv{i + 1}', f'conv_{i}'
    rows.append(Row(f'{there}.weight', f'{here}/kernel', 'd c k -> k c d'))
    rows.append(Row(f'{there}.bias', f'{here}/bias'))
  key, path = f'{prefix}encoder.', 'encoders_audio/'
  stored = Row('embed_positions.weight', 'positions/table')
  return [
    *unroll(under(key, path, rows), c.encoder_layers),
    *under(key, f'constants/{path}', [stored]),
  ]


def _decoder_rows(c: Settings, prefix: str) -> list[Row]:
  cross = _attention_rows('cross', 'encoder_attn', c.decoder_attention_heads)
  rows = [
    Row('embed_tokens.weight', 'embed/table'),
    Row('embed_positions.weight', 'positions/table'),
    *norm('layer_norm', 'transformer/norm'),
    *_block_rows(c.decoder_attention_heads),
    *under('layers.{}.', 'transformer/block_{}/', cross),
  ]
  return unroll(under(f'{prefix}decoder.', 'decoder/', rows), c.decoder_layers)


def _block_rows(heads: int) -> list[Row]:
  rows = [
    *_attention_rows('attention', 'self_attn', heads),
    *norm('final_layer_norm', 'mlp_norm'),
    *dense('fc1', 'mlp/up'),
    *dense('fc2', 'mlp/down'),
  ]
  return under('layers.{}.', 'transformer/block_{}/', rows)


def _attention_rows(path: str, there: str, heads: int) -> list[Row]:
  return [
    *norm(f'{there}_layer_norm', f'{path}_norm'),
    *attention(
      path,
      heads,
      query=f'{there}.q_proj',
      key=f'{there}.k_proj',
      value=f'{there}.v_proj',
      out=f'{there}.out_proj',
      biases=_BIASES,
    ),
  ]
