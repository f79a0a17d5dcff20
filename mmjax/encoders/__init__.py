"""From one modality's arrays to tokens: `(array, mask) -> Tokens`."""

from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer

__all__ = [
  'AudioSpectrogramTransformer',
  'ConvolutionalEncoder',
  'TextTransformer',
  'ViT',
]
