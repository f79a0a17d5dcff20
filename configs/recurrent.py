"""Recurrent: the classic network of three modalities, on generated data.

An LSTM reads the text, a convolution sees the picture, an LSTM hears the sound;
one dense layer joins them and one sigmoid answers. Nothing can be learned here:
pixels, tokens, waves and answers are random. Put your own data set in `data`.
"""

from mmjax.data.datasets.generated import Generated
from mmjax.encoders.convnet import ConvNet
from mmjax.encoders.recurrent import Recurrent
from mmjax.evaluators.binary import Binary
from mmjax.fusion.concat_dense import ConcatDense
from mmjax.layers.doors import TextDoor
from mmjax.layers.embed import ByteEmbedding
from mmjax.layers.pooling import Flatten, LastToken
from mmjax.layers.spectrogram import LogMel
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import Adam


def get_config() -> Config:
  data = Generated(
    image_size=32,
    text_length=32,
    vocabulary=260,
    audio_seconds=1.0,
    labels=2,
    examples=256,
  )
  return Config(
    data=data,
    model=Fused(
      encoders={
        'image': ConvNet(widths=(64,), convolutions=1, kernel=3, pool=2),
        'text': Recurrent(
          door=TextDoor(
            width=64, embed=ByteEmbedding(vocabulary=data.vocabulary)
          ),
          hidden=64,
          width=64,
        ),
        'audio': Recurrent(door=LogMel(), hidden=64, width=64),
      },
      fusion=ConcatDense(
        pools={'image': Flatten(), 'text': LastToken(), 'audio': LastToken()},
        width=64,
      ),
      heads={'label': Head(classes=1, norm=False)},
    ),
    objectives={'answer': Classification(kind='sigmoid')},
    evaluators={'answer': Binary()},
    optimizer=Adam(peak_lr=1e-3, clip_norm=None),
    batch_size=32,
    steps=80,
    checkpoint=Checkpointing(every=40),
  )
