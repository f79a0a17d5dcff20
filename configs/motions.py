"""Motions: what someone with a smart watch is doing, from 40 examples.

Needs the PyPI package aeon, of which only its data is read.
"""

from mmjax.data.datasets.motions import Motions
from mmjax.encoders.sensor import SensorTransformer
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.fusion.concat_dense import ConcatDense
from mmjax.layers.pooling import MeanPool
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  # To tune something, hold the validation split out: --data.train-on train.
  data = Motions(train_on='train_and_validation')
  return Config(
    data=data,
    model=Fused(
      encoders={
        'sensor': SensorTransformer(
          patch_size=5, width=64, depth=2, heads=4, mlp_ratio=2.0, dropout=0.1
        )
      },
      fusion=ConcatDense(pools={'sensor': MeanPool()}, width=64, dropout=0.2),
      heads={'label': Head(classes=len(data.labels))},
    ),
    objectives={'classify': Classification(label_smoothing=0.1)},
    evaluators={'accuracy': Accuracy()},
    optimizer=AdamW(peak_lr=1e-3, weight_decay=0.05),
    batch_size=32,
    steps=200,
    checkpoint=Checkpointing(every=100, best=None),
  )
