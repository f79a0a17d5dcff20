"""From one modality's arrays to tokens: `(array, mask) -> Tokens`."""

from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.audio_convnet import AudioConvNet, WaveformConvNet
from mmjax.encoders.bag import BagOfVectors
from mmjax.encoders.convnet import ConvNet
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.htsat import HTSAT
from mmjax.encoders.image import ViT
from mmjax.encoders.readings import MeanReading
from mmjax.encoders.recurrent import Recurrent
from mmjax.encoders.resnet import ResNet, resnet18, resnet34, resnet50
from mmjax.encoders.sensor import SensorTransformer
from mmjax.encoders.speech import SpeechTransformer
from mmjax.encoders.swin import Swin
from mmjax.encoders.tabular import TabularEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.encoders.unet import UNet
from mmjax.encoders.video import VideoTransformer
from mmjax.encoders.waveform import WaveformTransformer

__all__ = [
  'HTSAT',
  'AudioConvNet',
  'AudioSpectrogramTransformer',
  'BagOfVectors',
  'ConvNet',
  'ConvolutionalEncoder',
  'MeanReading',
  'Recurrent',
  'ResNet',
  'SensorTransformer',
  'SpeechTransformer',
  'Swin',
  'TabularEncoder',
  'TextTransformer',
  'UNet',
  'ViT',
  'VideoTransformer',
  'WaveformConvNet',
  'WaveformTransformer',
  'resnet18',
  'resnet34',
  'resnet50',
]
