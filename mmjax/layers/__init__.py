"""What encoders and fusions are made of."""

from mmjax.layers.attention import MultiHeadAttention, dot_product_attention
from mmjax.layers.bert import BertEmbedding, NoPositions
from mmjax.layers.cache import Slots
from mmjax.layers.convolution import ConvBlock, MaskedConv
from mmjax.layers.cross import CrossBlock, CrossTransformer
from mmjax.layers.decibels import DecibelMel
from mmjax.layers.doors import SeriesDoor, TextDoor
from mmjax.layers.embed import (
  ByteEmbedding,
  LearnedPositions,
  NgramEmbedding,
  NumberedPositions,
  PatchProjection,
  ResampledPositions,
  SinCosPositions,
  StoredPositions,
)
from mmjax.layers.feature_fusion import AttentionalFusion
from mmjax.layers.histogram import color_histogram
from mmjax.layers.kaldi import KaldiMel
from mmjax.layers.long_attention import long_attention
from mmjax.layers.match import MatchEmbedding
from mmjax.layers.norms import BatchNorm, GroupNorm
from mmjax.layers.pixels import normalize_pixels
from mmjax.layers.pooling import (
  AttentionPool,
  DensePool,
  FirstToken,
  FirstTokens,
  Flatten,
  LastToken,
  MeanPool,
  NthToken,
  SideBySide,
  UnitLength,
)
from mmjax.layers.recurrence import GRU, LSTM
from mmjax.layers.rotary import Llama3Scaling, Rotary
from mmjax.layers.space_time import SpaceTimeTransformer
from mmjax.layers.spec_augment import SpecAugment
from mmjax.layers.spectrogram import LogMel, power_spectrogram
from mmjax.layers.style import Style, gelu, quick_gelu
from mmjax.layers.swin import SwinTransformer
from mmjax.layers.tokens_first import tokens_first_attention
from mmjax.layers.transformer import Block, Mlp, Transformer
from mmjax.layers.waveform import ConvPositions, WaveformDoor
from mmjax.layers.whisper import WhisperMel
from mmjax.layers.windows import WindowBlock
from mmjax.layers.words import FromArray, WordEmbedding

__all__ = [
  'GRU',
  'LSTM',
  'AttentionPool',
  'AttentionalFusion',
  'BatchNorm',
  'BertEmbedding',
  'Block',
  'ByteEmbedding',
  'ConvBlock',
  'ConvPositions',
  'CrossBlock',
  'CrossTransformer',
  'DecibelMel',
  'DensePool',
  'FirstToken',
  'FirstTokens',
  'Flatten',
  'FromArray',
  'GroupNorm',
  'KaldiMel',
  'LastToken',
  'LearnedPositions',
  'Llama3Scaling',
  'LogMel',
  'MaskedConv',
  'MatchEmbedding',
  'MeanPool',
  'Mlp',
  'MultiHeadAttention',
  'NgramEmbedding',
  'NoPositions',
  'NthToken',
  'NumberedPositions',
  'PatchProjection',
  'ResampledPositions',
  'Rotary',
  'SeriesDoor',
  'SideBySide',
  'SinCosPositions',
  'Slots',
  'SpaceTimeTransformer',
  'SpecAugment',
  'StoredPositions',
  'Style',
  'SwinTransformer',
  'TextDoor',
  'Transformer',
  'UnitLength',
  'WaveformDoor',
  'WhisperMel',
  'WindowBlock',
  'WordEmbedding',
  'color_histogram',
  'dot_product_attention',
  'gelu',
  'long_attention',
  'normalize_pixels',
  'power_spectrogram',
  'quick_gelu',
  'tokens_first_attention',
]
