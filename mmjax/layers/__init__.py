"""What encoders and fusions are made of."""

from mmjax.layers.attention import MultiHeadAttention, dot_product_attention
from mmjax.layers.embed import (
  ByteEmbedding,
  LearnedPositions,
  NgramEmbedding,
  PatchProjection,
  SinCosPositions,
)
from mmjax.layers.pooling import (
  AttentionPool,
  FirstToken,
  LastToken,
  MeanPool,
)
from mmjax.layers.spectrogram import LogMel, power_spectrogram
from mmjax.layers.transformer import Block, Mlp, Transformer

__all__ = [
  'AttentionPool',
  'Block',
  'ByteEmbedding',
  'FirstToken',
  'LastToken',
  'LearnedPositions',
  'LogMel',
  'MeanPool',
  'Mlp',
  'MultiHeadAttention',
  'NgramEmbedding',
  'PatchProjection',
  'SinCosPositions',
  'Transformer',
  'dot_product_attention',
  'power_spectrogram',
]
