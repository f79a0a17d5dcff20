"""Llama of transformers and what is built like it: Mistral and Qwen2.

`*Model`, `*ForCausalLM` and `*ForSequenceClassification`; SmolLM and TinyLlama
are Llamas.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/llama/modeling_llama.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn

from mmjax.encoders import TextTransformer
from mmjax.layers import (
  ByteEmbedding,
  Llama3Scaling,
  NoPositions,
  Rotary,
  Style,
)
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  common_prefix,
)
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.language import DEFAULTS as COMMON
from mmjax.pretrained.language import language, require
from mmjax.pretrained.table import Row, attention, dense, norm, under
from mmjax.types import InputError

DEFAULTS = {
  **COMMON,
  'vocab_size': 32000,
  'hidden_size': 4096,
  'intermediate_size': 11008,
  'num_hidden_layers': 32,
  'num_attention_heads': 32,
  'num_key_value_heads': None,
  'head_dim': None,
  'hidden_act': 'silu',
  'max_position_embeddings': 2048,
  'rms_norm_eps': 1e-6,
  'attention_bias': False,
  'mlp_bias': False,
  'tie_word_embeddings': False,
}
# Where these differ from Llama.
MISTRAL = {
  'intermediate_size': 14336,
  'num_key_value_heads': 8,
  'max_position_embeddings': 131072,
  'sliding_window': 4096,
}
QWEN2 = {
  'vocab_size': 151936,
  'intermediate_size': 22016,
  'num_key_value_heads': 32,
  'max_position_embeddings': 32768,
  'use_sliding_window': False,
}
_IGNORE = (r'rotary_emb\.inv_freq$',)


def llama(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a Llama."""
  del image
  c = Settings(config, DEFAULTS)
  inputs = ('query', 'key', 'value', 'out') if c.attention_bias else ()
  biases = (*inputs, *(('mlp',) if c.mlp_bias else ()))
  return _architecture(c, config, names, biases=biases)


def mistral(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a Mistral."""
  del image
  c = Settings(config, {**DEFAULTS, **MISTRAL})
  return _architecture(c, config, names, window=c.sliding_window)


def qwen2(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a Qwen2."""
  del image
  c = Settings(config, {**DEFAULTS, **QWEN2})
  require(c, use_sliding_window=False)
  biases = ('query', 'key', 'value')
  return _architecture(c, config, names, biases=biases)


def rotary(c: Settings, config: Mapping[str, Any]) -> Rotary:
  """The rotary positions, as newer and older files tell them.

  Raises:
    InputError: they are of a kind that is not known here.
  """
  told = config.get('rope_scaling') or config.get('rope_parameters') or {}
  kind = told.get('rope_type', told.get('type', 'default'))
  part = told.get('partial_rotary_factor', config.get('partial_rotary_factor'))
  if kind not in ('default', 'llama3') or part not in (None, 1.0):
    raise InputError(
      f'config.json: rotary positions {dict(told)}, known are rope_type '
      "'default' and 'llama3' over all of a head"
    )
  scaling = None
  if kind == 'llama3':
    length = c.max_position_embeddings
    scaling = Llama3Scaling(
      factor=told['factor'],
      low=told['low_freq_factor'],
      high=told['high_freq_factor'],
      length=told.get('original_max_position_embeddings', length),
    )
  base = told.get('rope_theta', config.get('rope_theta', 10_000.0))
  return Rotary(base=base, scaling=scaling)


def _architecture(
  c: Settings,
  config: Mapping[str, Any],
  names: Sequence[str],
  *,
  biases: tuple[str, ...] = (),
  window: int | None = None,
) -> Architecture:
  fields = {
    'width': c.hidden_size,
    'depth': c.num_hidden_layers,
    'heads': c.num_attention_heads,
    'mlp_ratio': c.intermediate_size / c.hidden_size,
  }
  kv_heads = c.num_key_value_heads or c.num_attention_heads
  style = Style(
    norm=nn.RMSNorm(epsilon=c.rms_norm_eps),
    activation=c.activation(),
    gated=True,
    biases=biases,
    kv_heads=kv_heads,
    head_width=c.head_dim,
    rotary=rotary(c, config),
    window=window,
  )
  encoder = TextTransformer(
    **fields,
    style=style,
    causal=True,
    embed=ByteEmbedding(vocabulary=c.vocab_size),
    positions=NoPositions(),
  )
  block = under('layers.{}.', 'transformer/block_{}/', _block_rows(c, biases))
  rows = [
    Row('embed_tokens.weight', 'embed/table'),
    *block,
    *norm('norm', 'transformer/norm', bias=False),
  ]
  prefix = common_prefix(names, 'model.')
  return language(c, names, prefix, encoder, rows, ignore=_IGNORE)


def _block_rows(c: Settings, biases: Sequence[str]) -> list[Row]:
  mlp = 'mlp' in biases
  return [
    *norm('input_layernorm', 'attention_norm', bias=False),
    *attention(
      'attention',
      c.num_attention_heads,
      query='self_attn.q_proj',
      key='self_attn.k_proj',
      value='self_attn.v_proj',
      out='self_attn.o_proj',
      kv_heads=c.num_key_value_heads,
      biases=biases,
    ),
    *norm('post_attention_layernorm', 'mlp_norm', bias=False),
    *dense('mlp.gate_proj', 'mlp/gate', bias=mlp),
    *dense('mlp.up_proj', 'mlp/up', bias=mlp),
    *dense('mlp.down_proj', 'mlp/down', bias=mlp),
  ]
