"""Every encoder, tiny, with an array for it and a mask."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.audio_convnet import AudioConvNet, WaveformConvNet
from mmjax.encoders.bag import BagOfVectors
from mmjax.encoders.convnet import ConvNet
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.htsat import HTSAT
from mmjax.encoders.image import ViT
from mmjax.encoders.recurrent import Recurrent
from mmjax.encoders.resnet import ResNet
from mmjax.encoders.sensor import SensorTransformer
from mmjax.encoders.speech import SpeechTransformer
from mmjax.encoders.swin import Swin
from mmjax.encoders.tabular import TabularEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.encoders.unet import UNet
from mmjax.encoders.video import VideoTransformer
from mmjax.encoders.waveform import WaveformTransformer
from mmjax.layers.bert import BertEmbedding, NoPositions
from mmjax.layers.decibels import DecibelMel
from mmjax.layers.doors import SeriesDoor, TextDoor
from mmjax.layers.embed import LearnedPositions, NgramEmbedding
from mmjax.layers.feature_fusion import AttentionalFusion
from mmjax.layers.kaldi import KaldiMel
from mmjax.layers.norms import BatchNorm, GroupNorm
from mmjax.layers.rotary import Rotary
from mmjax.layers.spectrogram import LogMel
from mmjax.layers.style import Style
from mmjax.layers.waveform import ConvPositions, WaveformDoor
from mmjax.layers.whisper import WhisperMel

SMALL = {'width': 16, 'depth': 1, 'heads': 2}
MEL = LogMel(n_fft=256, hop=80, mels=16)
FOUR_GROUPS = GroupNorm(groups=4)
TUBELETS = {**SMALL, 'width': 24, 'tubelet': (2, 4)}
# Sixteen frames, of which the longest clip has three times as many.
DECIBELS = {
  'sample_rate': 8_000,
  'n_fft': 64,
  'hop': 40,
  'mels': 8,
  'fmax': 4_000.0,
  'length': 600,
}
STAGES = {'width': 6, 'depths': (2, 1), 'heads': (1, 3), 'window': 3}
CHANNELS = SeriesDoor(mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0))

ENCODERS = {
  'image': ViT(patch_size=4, class_token=True, **SMALL),
  'convolutional_image': ConvolutionalEncoder(
    widths=(8, 16), patch_size=2, groups=4, color_bins=2
  ),
  'unet_image': UNet(widths=(8, 16), patch_size=2, groups=4),
  'convnet_image': ConvNet(widths=(8, 8)),
  'resnet_image': ResNet(layers=(1, 1), width=8, norm=FOUR_GROUPS),
  'batchnorm_image': ResNet(layers=(1,), width=8, norm=BatchNorm()),
  'swin_image': Swin(patch_size=2, **STAGES),
  'text': TextTransformer(embed=NgramEmbedding(buckets=64), **SMALL),
  'causal_text': TextTransformer(
    causal=True, scan=True, remat='projections', **SMALL
  ),
  'bert_text': TextTransformer(
    embed=BertEmbedding(positions=LearnedPositions(), separator=9),
    positions=NoPositions(),
    **SMALL,
  ),
  'rotary_text': TextTransformer(
    causal=True,
    scan=True,
    width=18,
    depth=2,
    heads=6,
    style=Style(
      norm=nn.RMSNorm(),
      gated=True,
      biases=('query',),
      kv_heads=2,
      head_width=4,
      rotary=Rotary(),
      window=4,
    ),
    positions=NoPositions(),
  ),
  'bag_text': BagOfVectors(width=8),
  'recurrent_text': Recurrent(
    door=TextDoor(width=8), hidden=8, width=8, directions='both'
  ),
  'audio': AudioSpectrogramTransformer(
    spectrogram=MEL, patch_size=(4, 8), **SMALL
  ),
  'kaldi_audio': AudioSpectrogramTransformer(
    spectrogram=KaldiMel(window=200, hop=80, n_fft=256, mels=10, length=9),
    patch_size=(4, 4),
    stride=(3, 3),
    rest='drop',
    order='frequency',
    first_tokens=('class_token', 'distillation_token'),
    positions=LearnedPositions(),
    **SMALL,
  ),
  'htsat_audio': HTSAT(spectrogram=DecibelMel(**DECIBELS), size=16, **STAGES),
  'fused_htsat_audio': HTSAT(
    spectrogram=DecibelMel(**DECIBELS, views=True),
    size=16,
    patch_size=(4, 4),
    stride=(2, 2),
    fusion=AttentionalFusion(reduction=2),
    **STAGES,
  ),
  'convnet_audio': AudioConvNet(spectrogram=MEL, widths=(8,), norm=FOUR_GROUPS),
  'waveform_audio': WaveformConvNet(widths=(8, 8), norm=FOUR_GROUPS),
  'wav2vec_audio': WaveformTransformer(
    door=WaveformDoor(widths=(6, 8), kernels=(20, 8), strides=(10, 5)),
    positions=ConvPositions(kernel=4, groups=2),
    mask_token=True,
    **SMALL,
  ),
  'speech_audio': SpeechTransformer(
    spectrogram=WhisperMel(n_fft=200, hop=80, mels=8), **SMALL
  ),
  'recurrent_audio': Recurrent(door=MEL, cell='gru', hidden=8, width=8),
  'sensor': SensorTransformer(door=CHANNELS, **SMALL),
  'recurrent_sensor': Recurrent(
    door=CHANNELS, hidden=8, width=8, directions='both', depth=2
  ),
  'video': VideoTransformer(**TUBELETS),
  'factorised_video': VideoTransformer(
    attention='factorised', scan=True, **TUBELETS
  ),
  'tabular': TabularEncoder(categories=(5, 6), **SMALL),
}
# Those whose tokens do not depend on the length of the array.
OVER_TIME = [
  name
  for name in ENCODERS
  if name.split('_')[-1] in ('audio', 'sensor', 'video')
  or name in ('recurrent_text', 'rotary_text')
]


def make(name, rng):
  """An encoder, a batch of four for it, and the mask; the second is absent."""
  modality = name.split('_')[-1]
  array, mask = {
    'image': _images,
    'text': _texts,
    'audio': _sounds,
    'sensor': _series,
    'video': _videos,
    'tabular': _rows,
  }[modality](rng)
  return ENCODERS[name], array, mask


def _images(rng):
  image = rng.random((4, 8, 8, 3)).astype(np.float32)
  return image, np.array([True, False, True, False])


def _texts(rng):
  text = rng.integers(4, 260, size=(4, 9)).astype(np.int32)
  return text, _lengths(text, [9, 0, 3, 1])


def _sounds(rng):
  audio = rng.normal(size=(4, 2_000)).astype(np.float32)
  return audio, _lengths(audio, [2_000, 0, 777, 1])


def _series(rng):
  series = rng.normal(size=(4, 11, 3)).astype(np.float32)
  return series, _lengths(series, [11, 0, 5, 1])


def _videos(rng):
  video = rng.random((4, 5, 8, 8, 3)).astype(np.float32)
  return video, _lengths(video, [5, 0, 3, 1])


def _rows(rng):
  columns = {
    'numeric': rng.normal(size=(4, 3)).astype(np.float32),
    'categorical': rng.integers(0, 5, size=(4, 2)).astype(np.int32),
  }
  cells = np.array([[1, 1, 1, 1, 1], [0] * 5, [0, 1, 0, 0, 1], [1, 0, 0, 0, 0]])
  return columns, {'numeric': cells[:, :3] > 0, 'categorical': cells[:, 3:] > 0}


def _lengths(array, lengths):
  return np.arange(array.shape[1])[None] < np.array(lengths)[:, None]


def make_variables(module, *args):
  """Random variables of the right shapes, without compiling initialisers.

  Averages, which have variances among them, are positive.
  """
  key, rng = jax.random.key(0), np.random.default_rng(1)
  shapes = dict(jax.eval_shape(lambda k: module.init(k, *args), key))

  def draw(shape, positive):
    x = rng.normal(size=shape.shape) * 0.3
    return jnp.asarray(abs(x) + 0.5 if positive else x, shape.dtype)

  return {
    name: jax.tree.map(lambda s, p=name != 'params': draw(s, p), tree)
    for name, tree in shapes.items()
  }
