"""Diagnosis: a textbook's model of scan, report and sound, on generated data.

A picture of 224 x 224, 100 tokens of a vocabulary of 10,000 and a second of
sound say yes or no. Nothing can be learned here: pixels, tokens, waves and
answers are random. Put your own data set in `data`.
"""

from mmjax.data.datasets.generated import Generated
from mmjax.encoders.audio_convnet import WaveformConvNet
from mmjax.encoders.bag import BagOfVectors
from mmjax.encoders.convnet import ConvNet
from mmjax.evaluators.binary import Binary
from mmjax.fusion.concat_dense import ConcatDense
from mmjax.layers.pooling import MeanPool
from mmjax.layers.words import WordEmbedding
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import Adam

MODALITIES = ('image', 'text', 'audio')
BATCH_SIZE = 32
EPOCHS = 10


def get_config() -> Config:
  data = Generated(
    image_size=224,
    text_length=100,
    vocabulary=10_000,
    audio_seconds=1.0,
    labels=2,
    examples=10 * BATCH_SIZE,
  )
  return Config(
    data=data,
    model=Fused(
      encoders={
        'image': ConvNet(widths=(32,), convolutions=1),
        'text': BagOfVectors(
          width=64, embed=WordEmbedding(words=data.vocabulary)
        ),
        'audio': WaveformConvNet(widths=(32,)),
      },
      fusion=ConcatDense(
        pools={name: MeanPool() for name in MODALITIES}, width=128, dropout=0.5
      ),
      heads={'label': Head(classes=1, norm=False)},
    ),
    objectives={'answer': Classification(kind='sigmoid')},
    evaluators={'answer': Binary()},
    optimizer=Adam(peak_lr=1e-3, clip_norm=None),
    batch_size=BATCH_SIZE,
    steps=EPOCHS * data.examples // BATCH_SIZE,
    checkpoint=Checkpointing(every=50),
  )
