"""Driving: the kind of road and the next two seconds of path, from camera,
microphone and position, of which any may fail. Generated.
"""

from mmjax.data.datasets.driving import SENSORS, VIEWS, Driving
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.sensor import SensorTransformer
from mmjax.encoders.video import VideoTransformer
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.evaluators.path import Path
from mmjax.fusion.single_stream import SingleStream
from mmjax.layers.doors import SeriesDoor
from mmjax.layers.embed import LearnedPositions
from mmjax.layers.spectrogram import LogMel
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.regression import Regression
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

STD = 2.0  # metres


def get_config() -> Config:
  data = Driving()
  small = {'width': 64, 'depth': 1, 'heads': 4, 'mlp_ratio': 2.0}
  return Config(
    data=data,
    model=Fused(
      encoders={
        'video': VideoTransformer(
          tubelet=(1, 8), positions=LearnedPositions(), **{**small, 'depth': 2}
        ),
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(hop=400), patch_size=(5, 64), **small
        ),
        'sensor': SensorTransformer(
          patch_size=5,
          # Metres, metres a second, radians a second.
          door=SeriesDoor(
            mean=(-35.0, 0.0, 17.0, 0.0), std=(25.0, 3.0, 8.0, 0.1)
          ),
          **small,
        ),
      },
      fusion=SingleStream(modalities=SENSORS, **{**small, 'depth': 2}),
      heads={
        'label': Head(classes=len(data.classes['label'])),
        'path': Head(classes=8, hidden=128),
      },
    ),
    objectives={
      'road': Classification(),
      'path': Regression(head='path', target='change', kind='l1', std=STD),
    },
    evaluators={
      'road': Accuracy(modalities=SENSORS),
      'path': Path(std=STD, views=VIEWS),
    },
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=64,
    steps=800,
    checkpoint=Checkpointing(every=800, best=None),
  )
