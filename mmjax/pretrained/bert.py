"""BERT, RoBERTa and DistilBERT of transformers, with or without a classifier.

MiniLM and most sentence models are BERTs. Heads for masked words are not read.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/bert/modeling_bert.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from mmjax.encoders import TextTransformer
from mmjax.layers import (
  BertEmbedding,
  ByteEmbedding,
  DensePool,
  LearnedPositions,
  MeanPool,
  NoPositions,
)
from mmjax.models.heads import Head, Pooled
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  alone,
  common_prefix,
  shape,
  single_outputs,
)
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.table import Row, attention, dense, norm, under, unroll
from mmjax.pretrained.texts import TextProcessor

DEFAULTS = {
  'vocab_size': 30522,
  'hidden_size': 768,
  'num_hidden_layers': 12,
  'num_attention_heads': 12,
  'intermediate_size': 3072,
  'hidden_act': 'gelu',
  'layer_norm_eps': 1e-12,
  'max_position_embeddings': 512,
  'type_vocab_size': 2,
  'pad_token_id': 0,
}
# Where these differ from BERT.
ROBERTA = {
  'vocab_size': 50265,
  'max_position_embeddings': 514,
  'layer_norm_eps': 1e-5,
  'type_vocab_size': 1,
  'pad_token_id': 1,
}
# DistilBERT's names for BERT's settings.
_DISTILBERT = {
  'hidden_size': 'dim',
  'num_hidden_layers': 'n_layers',
  'num_attention_heads': 'n_heads',
  'intermediate_size': 'hidden_dim',
  'hidden_act': 'activation',
}
_IGNORE = (
  r'position_ids$',
  r'^cls\.',
  r'^lm_head\.',
  r'^vocab_',
)


def bert(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a BERT."""
  del image
  c = Settings(config, DEFAULTS)
  prefix = common_prefix(names, 'bert.')
  heads, rows = _pooler(prefix, names)
  if 'classifier.weight' in names:
    heads, rows = _classifier(
      config, 'classifier', f'{prefix}pooler.dense', jnp.tanh
    )
  return _architecture(c, names, prefix, heads, rows)


def roberta(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a RoBERTa."""
  del image
  c = Settings(config, {**DEFAULTS, **ROBERTA})
  prefix = common_prefix(names, 'roberta.')
  heads, rows = _pooler(prefix, names)
  if 'classifier.out_proj.weight' in names:
    heads, rows = _classifier(
      config, 'classifier.out_proj', 'classifier.dense', jnp.tanh
    )
  # The rows up to the padding's own id are never used.
  return _architecture(c, names, prefix, heads, rows, offset=c.pad_token_id + 1)


def distilbert(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a DistilBERT."""
  del image
  own = {
    ours: config[theirs]
    for ours, theirs in _DISTILBERT.items()
    if theirs in config
  }
  c = Settings(
    {**config, **own},
    {**DEFAULTS, 'num_hidden_layers': 6, 'type_vocab_size': 0},
  )
  heads: dict[str, Any] = {}
  rows: list[Row] = []
  if 'classifier.weight' in names:
    heads, rows = _classifier(
      config, 'classifier', 'pre_classifier', jax.nn.relu
    )
  prefix = common_prefix(names, 'distilbert.')
  return _architecture(c, names, prefix, heads, rows, blocks=_distilbert_rows)


def _architecture(
  c: Settings,
  names: Sequence[str],
  prefix: str,
  heads: dict[str, Any],
  rows: list[Row],
  *,
  offset: int = 0,
  blocks: Any = None,
) -> Architecture:
  encoder = text_encoder(c, offset=offset)
  if 'logits' not in heads:
    heads = {**heads, 'sentence_embeds': Pooled(pool=MeanPool())}
  length = c.max_position_embeddings - offset
  return Architecture(
    model=alone('text', encoder, heads),
    rows=[*rows, *encoder_rows(c, prefix, blocks=blocks)],
    inputs={'text': shape(1, length, dtype=jnp.int32)},
    name_outputs=single_outputs,
    text=TextProcessor(length=length, pad=c.pad_token_id),
    ignore=_IGNORE if 'logits' in heads else (*_IGNORE, r'^classifier'),
  )


def text_encoder(c: Settings, *, offset: int = 0) -> TextTransformer:
  """The encoder; the first `offset` positions are of no place."""
  return TextTransformer(
    **c.transformer(order='post', last_norm=False),
    embed=BertEmbedding(
      embed=ByteEmbedding(vocabulary=c.vocab_size),
      positions=LearnedPositions(
        length=c.max_position_embeddings, offset=offset
      ),
      segments=c.type_vocab_size,
      epsilon=c.layer_norm_eps,
    ),
    positions=NoPositions(),
  )


def encoder_rows(c: Settings, prefix: str, *, blocks: Any = None) -> list[Row]:
  """The encoder's tensors, which have this before their names."""
  table = [
    Row('embeddings.word_embeddings.weight', 'embed/embed/table'),
    Row('embeddings.position_embeddings.weight', 'embed/positions/table'),
    *norm('embeddings.LayerNorm', 'embed/norm'),
    *(blocks or _bert_rows)(c),
  ]
  if c.type_vocab_size:
    key = 'embeddings.token_type_embeddings.weight'
    table.append(Row(key, 'embed/segment_table'))
  return unroll(under(prefix, 'encoders_text/', table), c.num_hidden_layers)


def _pooler(
  prefix: str, names: Sequence[str]
) -> tuple[dict[str, Any], list[Row]]:
  key = f'{prefix}pooler.dense'
  if f'{key}.weight' not in names:
    return {}, []
  return (
    {'pooler_output': Pooled(pool=DensePool())},
    dense(key, 'heads_pooler_output/pool/dense'),
  )


def _classifier(
  config: Mapping[str, Any], key: str, pooler: str, activation: Any
) -> tuple[dict[str, Any], list[Row]]:
  classes = len(config.get('id2label', {0: 0, 1: 1}))
  pool = DensePool(activation=activation)
  return (
    {'logits': Head(classes=classes, norm=False, pool=pool)},
    [
      *dense(key, 'heads_logits/logits'),
      *dense(pooler, 'heads_logits/pool/dense'),
    ],
  )


def _bert_rows(c: Settings) -> list[Row]:
  rows = [
    *attention(
      'attention',
      c.num_attention_heads,
      query='attention.self.query',
      key='attention.self.key',
      value='attention.self.value',
      out='attention.output.dense',
    ),
    *norm('attention.output.LayerNorm', 'attention_norm'),
    *dense('intermediate.dense', 'mlp/up'),
    *dense('output.dense', 'mlp/down'),
    *norm('output.LayerNorm', 'mlp_norm'),
  ]
  return under('encoder.layer.{}.', 'transformer/block_{}/', rows)


def _distilbert_rows(c: Settings) -> list[Row]:
  rows = [
    *attention(
      'attention',
      c.num_attention_heads,
      query='attention.q_lin',
      key='attention.k_lin',
      value='attention.v_lin',
      out='attention.out_lin',
    ),
    *norm('sa_layer_norm', 'attention_norm'),
    *dense('ffn.lin1', 'mlp/up'),
    *dense('ffn.lin2', 'mlp/down'),
    *norm('output_layer_norm', 'mlp_norm'),
  ]
  return under('transformer.layer.{}.', 'transformer/block_{}/', rows)
