"""CLAP of transformers: `ClapModel`, and its towers alone.

`ClapAudioModel...` and `ClapTextModel...` are read with and without projection.
A clip counts as longer where it is: transformers takes one of a batch in which
there is none, at random.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/clap/modeling_clap.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange

from mmjax.encoders import HTSAT
from mmjax.layers import DensePool, MeanPool, Mlp
from mmjax.models import Aligned, Alignment
from mmjax.models.heads import Pooled
from mmjax.pretrained import bert, clap_audio
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  alone,
  shape,
  single_outputs,
)
from mmjax.pretrained.clap_audio import ClapProcessor
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.table import Row, dense
from mmjax.pretrained.texts import TextProcessor
from mmjax.types import Outputs

_PROJECTION = {'projection_dim': 512, 'projection_hidden_act': 'relu'}
TEXT = {**bert.DEFAULTS, **bert.ROBERTA, 'layer_norm_eps': 1e-12}
# What PyTorch keeps beside the parameters, and follows from the config.
_IGNORE = (
  r'position_ids$',
  r'token_type_ids$',
  r'relative_position_index$',
  r'num_batches_tracked$',
)


def clap(
  config: Mapping[str, Any], names: Sequence[str], audio: ClapProcessor
) -> Architecture:
  """The architecture of a CLAP.

  Args:
    config: the checkpoint's `config.json`.
    names: of its tensors.
    audio: what its preprocessor says.
  """
  del names
  top = Settings(config, _PROJECTION)
  t = _text_settings(config.get('text_config', {}))
  a = _audio_settings(config.get('audio_config', {}))
  encoder = clap_audio.audio_encoder(a, audio)
  offset = t.pad_token_id + 1
  alignment = Alignment(
    pools={
      'audio': _projected(MeanPool(), top),
      'text': _projected(DensePool(), top),
    },
    width=None,
    bias=None,
    max_scale=float('inf'),
    own_scales=True,
  )
  return Architecture(
    model=Aligned(
      encoders={
        'audio': encoder,
        'text': bert.text_encoder(t, offset=offset),
      },
      alignment=alignment,
    ),
    rows=[
      *clap_audio.audio_rows(a, 'audio_model.audio_encoder.'),
      *bert.encoder_rows(t, 'text_model.'),
      *dense('text_model.pooler.dense', 'alignment/pools_text/layers_0/dense'),
      *_projection_rows('audio', 'alignment/pools_audio'),
      *_projection_rows('text', 'alignment/pools_text'),
      Row('logit_scale_a', 'alignment/audio_log_scale'),
      Row('logit_scale_t', 'alignment/text_log_scale'),
    ],
    inputs={**_audio_inputs(encoder), **_text_inputs(t)},
    name_outputs=lambda outputs: _pair_outputs(encoder, outputs),
    audio=audio,
    text=_text_processor(t),
    ignore=_IGNORE,
  )


def audio_model(
  config: Mapping[str, Any], names: Sequence[str], audio: ClapProcessor
) -> Architecture:
  """The architecture of CLAP's audio tower."""
  c = _audio_settings(config)
  encoder = clap_audio.audio_encoder(c, audio)
  heads: dict[str, Any] = {'pooler_output': Pooled(pool=MeanPool())}
  rows: list[Row] = []
  prefix = 'audio_encoder.'
  if 'audio_projection.linear1.weight' in names:
    prefix = f'audio_model.{prefix}'
    heads = {'audio_embeds': Pooled(pool=_projected(MeanPool(), c))}
    rows = _projection_rows('audio', 'heads_audio_embeds/pool')

  def name_outputs(outputs: Outputs) -> dict[str, Any]:
    hidden = _as_map(encoder, outputs['fused'].x)
    return {'last_hidden_state': hidden, **outputs['logits']}

  return Architecture(
    model=alone('audio', encoder, heads),
    rows=[*rows, *clap_audio.audio_rows(c, prefix)],
    inputs=_audio_inputs(encoder),
    name_outputs=name_outputs,
    audio=audio,
    ignore=_IGNORE,
  )


def text_model(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of CLAP's text tower."""
  del image
  c = _text_settings(config)
  heads: dict[str, Any] = {'pooler_output': Pooled(pool=DensePool())}
  rows, prefix, pool = [], '', 'heads_pooler_output/pool/dense'
  if 'text_projection.linear1.weight' in names:
    prefix, pool = 'text_model.', 'heads_text_embeds/pool/layers_0/dense'
    heads = {'text_embeds': Pooled(pool=_projected(DensePool(), c))}
    rows = _projection_rows('text', 'heads_text_embeds/pool')
  return Architecture(
    model=alone('text', bert.text_encoder(c, offset=c.pad_token_id + 1), heads),
    rows=[
      *rows,
      *dense(f'{prefix}pooler.dense', pool),
      *bert.encoder_rows(c, prefix),
    ],
    inputs=_text_inputs(c),
    name_outputs=single_outputs,
    text=_text_processor(c),
    ignore=_IGNORE,
  )


def audio_processor(config: Mapping[str, Any]) -> ClapProcessor:
  """What transformers does where the folder does not say."""
  own = config.get('audio_config', config)
  return clap_audio.audio_processor(_audio_settings(own))


def _audio_settings(config: Mapping[str, Any]) -> Settings:
  return Settings(config, {**_PROJECTION, **clap_audio.DEFAULTS})


def _text_settings(config: Mapping[str, Any]) -> Settings:
  return Settings(config, {**_PROJECTION, **TEXT})


def _projected(pool: nn.Module, c: Settings) -> Any:
  """An MLP behind a pooling."""
  width, activation = c.projection_dim, c.activation('projection_hidden_act')
  return nn.Sequential([pool, Mlp(width, out=width, activation=activation)])


def _projection_rows(name: str, path: str) -> list[Row]:
  return [
    *dense(f'{name}_projection.linear1', f'{path}/layers_1/up'),
    *dense(f'{name}_projection.linear2', f'{path}/layers_1/down'),
  ]


def _audio_inputs(encoder: HTSAT) -> dict[str, Any]:
  return {'audio': shape(1, encoder.spectrogram.length)}


def _text_inputs(c: Settings) -> dict[str, Any]:
  return {'text': shape(1, _length(c), dtype=jnp.int32)}


def _text_processor(c: Settings) -> TextProcessor:
  return TextProcessor(length=_length(c), pad=c.pad_token_id)


def _length(c: Settings) -> int:
  """Most tokens; positions up to the padding's own id are of no place."""
  return c.max_position_embeddings - c.pad_token_id - 1


def _pair_outputs(encoder: HTSAT, outputs: Outputs) -> dict[str, Any]:
  """Names as those of other pairs; each direction has its own scale."""
  found = {f'{k}_embeds': x for k, x in outputs['embeddings'].items()}
  for name, tokens in outputs['tokens'].items():
    x = tokens.x
    found[f'{name}_hidden_state'] = (
      _as_map(encoder, x) if name == 'audio' else x
    )
  if len(outputs['embeddings']) == 2:
    audio, text = found['audio_embeds'], found['text_embeds']
    scales = outputs['shared']['logit_scales']
    found['logits_per_audio'] = audio @ text.T * scales['audio']
    found['logits_per_text'] = text @ audio.T * scales['text']
  return found


def _as_map(encoder: HTSAT, x: Any) -> Any:
  """Tokens as transformers has them: mel bands, then time."""
  time, _ = encoder.grid(encoder.spectrogram.length)
  return rearrange(x, 'b (f m) d -> b d m f', f=time)
