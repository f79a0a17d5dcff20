"""Stamps with one task, the category, to compare fusions on: a small model.

Put any fusion in place of `Concat`; `benchmarks/fusion.py` tries them all.
"""

from mmjax.data.datasets.stamps import Stamps
from mmjax.data.transforms import RandomFlip, RandomResizedCrop
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.evaluators.corruptions import PixelNoise, SignalNoise, TokenNoise
from mmjax.evaluators.robustness import Robustness
from mmjax.fusion.concat import Concat
from mmjax.layers.embed import NgramEmbedding
from mmjax.layers.pooling import MeanPool
from mmjax.layers.spectrogram import LogMel
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

MODALITIES = ('image', 'text', 'audio')
IMAGE_SIZE = 64
SPACE = ord(' ') + 4  # as ByteTokenizer has it


def get_config() -> Config:
  # To tune something, hold the validation split out: --data.train-on train.
  data = Stamps(
    train_on='train_and_validation',
    image_size=IMAGE_SIZE,
    text_length=64,
    audio_seconds=2.0,
    default_rate=0.2,
    augment=(
      RandomResizedCrop(size=IMAGE_SIZE, scale=(0.7, 1.0), ratio=(0.8, 1.25)),
      RandomFlip(),
    ),
  )
  return Config(
    data=data,
    model=Fused(
      encoders={
        'image': ConvolutionalEncoder(
          patch_size=16, widths=(32, 64), color_bins=4, dropout=0.2
        ),
        'text': TextTransformer(
          width=64,
          depth=0,
          heads=4,
          dropout=0.3,
          embed=NgramEmbedding(
            orders=(2, 3, 4, 5), buckets=8192, boundary=SPACE
          ),
        ),
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(hop=320),
          patch_size=(10, 64),
          width=64,
          depth=2,
          heads=4,
          mlp_ratio=2.0,
          dropout=0.1,
        ),
      },
      fusion=Concat(
        pools={name: MeanPool() for name in MODALITIES}, width=64, dropout=0.3
      ),
      heads={'label': Head(classes=len(data.categories))},
    ),
    objectives={'classify': Classification(label_smoothing=0.1)},
    evaluators={'fused': Accuracy(modalities=MODALITIES)},
    sweeps={
      'robustness': Robustness(
        noise={
          'image': PixelNoise(),
          'text': TokenNoise(),
          'audio': SignalNoise(),
        }
      )
    },
    drop_modalities={'image': 0.2, 'text': 0.3, 'audio': 0.2},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=64,
    steps=300,
    checkpoint=Checkpointing(every=300, best=None),
  )
