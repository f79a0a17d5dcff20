"""GPT-2 of transformers: `GPT2Model`, `GPT2LMHeadModel` and the classifier
of texts, `GPT2ForSequenceClassification`.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/gpt2/modeling_gpt2.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmjax.encoders import TextTransformer
from mmjax.layers import ByteEmbedding, LearnedPositions
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  common_prefix,
)
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.language import DEFAULTS as COMMON
from mmjax.pretrained.language import language, require
from mmjax.pretrained.table import Row, norm, under

DEFAULTS = {
  **COMMON,
  'vocab_size': 50257,
  'n_positions': 1024,
  'n_embd': 768,
  'n_layer': 12,
  'n_head': 12,
  'n_inner': None,
  'activation_function': 'gelu_new',
  'layer_norm_epsilon': 1e-5,
  'eos_token_id': 50256,
  'scale_attn_weights': True,
  'scale_attn_by_inverse_layer_idx': False,
  'add_cross_attention': False,
  'tie_word_embeddings': True,
}
# GPT-2's names for what others call so.
_NAMES = {
  'hidden_size': 'n_embd',
  'num_hidden_layers': 'n_layer',
  'num_attention_heads': 'n_head',
  'max_position_embeddings': 'n_positions',
  'hidden_act': 'activation_function',
  'layer_norm_eps': 'layer_norm_epsilon',
}
# Masks, which older files keep.
_IGNORE = (r'\.attn\.(masked_)?bias$',)


def gpt2(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a GPT-2."""
  del image
  values = {**DEFAULTS, **config}
  named = {ours: values[theirs] for ours, theirs in _NAMES.items()}
  hidden = values['n_inner'] or 4 * values['n_embd']
  c = Settings({**values, **named, 'intermediate_size': hidden}, {})
  require(
    c,
    scale_attn_weights=True,
    scale_attn_by_inverse_layer_idx=False,
    add_cross_attention=False,
  )
  encoder = TextTransformer(
    **c.transformer(),
    causal=True,
    embed=ByteEmbedding(vocabulary=c.vocab_size),
    positions=LearnedPositions(length=c.n_positions),
  )
  rows = [
    Row('wte.weight', 'embed/table'),
    Row('wpe.weight', 'positions/table'),
    *under('h.{}.', 'transformer/block_{}/', _block_rows(c.n_head)),
    *norm('ln_f', 'transformer/norm'),
  ]
  prefix = common_prefix(names, 'transformer.')
  return language(c, names, prefix, encoder, rows, ignore=_IGNORE)


def _block_rows(heads: int) -> list[Row]:
  """One block; its linear layers are `[in, out]`, as ours."""
  packed = [f'attention/{name}' for name in ('query', 'key', 'value')]
  kernels = tuple(f'{path}/kernel' for path in packed)
  biases = tuple(f'{path}/bias' for path in packed)
  three = {'p': 3, 'k': heads}
  one = {'k': heads}
  return [
    *norm('ln_1', 'attention_norm'),
    Row('attn.c_attn.weight', kernels, 'd (p k h) -> p d k h', three),
    Row('attn.c_attn.bias', biases, '(p k h) -> p k h', three),
    Row('attn.c_proj.weight', 'attention/out/kernel', '(k h) d -> k h d', one),
    Row('attn.c_proj.bias', 'attention/out/bias'),
    *norm('ln_2', 'mlp_norm'),
    Row('mlp.c_fc.weight', 'mlp/up/kernel'),
    Row('mlp.c_fc.bias', 'mlp/up/bias'),
    Row('mlp.c_proj.weight', 'mlp/down/kernel'),
    Row('mlp.c_proj.bias', 'mlp/down/bias'),
  ]
