"""Diagnosis: a rare finding, from picture, report, sound and measurements, of
which any may be missing. Generated; no medical device.
"""

from mmjax.data.datasets.patients import Patients
from mmjax.encoders.audio_convnet import WaveformConvNet
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.tabular import TabularEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.binary import Binary
from mmjax.evaluators.screening import Screening
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import AttentionPool, MeanPool
from mmjax.layers.words import WordEmbedding
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  data = Patients()
  small = {'width': 64, 'depth': 1, 'heads': 4, 'mlp_ratio': 2.0}
  words = data.words.vocabulary
  return Config(
    data=data,
    model=Fused(
      encoders={
        'image': ConvolutionalEncoder(
          widths=(32, 64), patch_size=4, mean=(0.5,), std=(0.25,)
        ),
        'text': TextTransformer(embed=WordEmbedding(words=words), **small),
        'audio': WaveformConvNet(widths=(16, 32), first_kernel=40, stride=8),
        'tabular': TabularEncoder(**small),
      },
      fusion=Concat(
        pools={
          'image': AttentionPool(heads=4),
          'text': MeanPool(),
          'audio': AttentionPool(heads=4),
          'tabular': MeanPool(),
        },
        width=64,
        dropout=0.1,
      ),
      heads={'label': Head(classes=1)},
    ),
    objectives={'finding': Classification(kind='sigmoid')},
    evaluators={
      'finding': Binary(),
      'screening': Screening(vocabulary=words),
    },
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=64,
    steps=1000,
    checkpoint=Checkpointing(every=1000, best=None),
  )
