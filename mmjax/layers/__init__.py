"""What encoders and fusions are made of."""

from mmjax.layers.attention import MultiHeadAttention, dot_product_attention
from mmjax.layers.embed import (
  ByteEmbedding,
  LearnedPositions,
  NgramEmbedding,
  PatchProjection,
  SinCosPositions,
)
from mmjax.layers.histogram import color_histogram
from mmjax.layers.pixels import normalize_pixels
from mmjax.layers.pooling import (
  AttentionPool,
  FirstToken,
  Flatten,
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
  'Flatten',
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
  'color_histogram',
  'dot_product_attention',
  'normalize_pixels',
  'power_spectrogram',
]
