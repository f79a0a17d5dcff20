"""Fashion: grey pictures of clothes, by a small convolutional network.

Needs the Debian package dataset-fashion-mnist.
"""

from mmjax.data.datasets.fashion import Fashion
from mmjax.encoders.convnet import ConvNet
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.fusion.concat_dense import ConcatDense
from mmjax.layers.pooling import Flatten
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  return Config(
    data=Fashion(),
    model=Fused(
      encoders={
        'image': ConvNet(
          widths=(16, 32, 64), convolutions=1, mean=(0.286,), std=(0.353,)
        )
      },
      # Clothes lie in the middle, one way up: it matters where things are.
      fusion=ConcatDense(pools={'image': Flatten()}, width=128, dropout=0.2),
      heads={'label': Head(classes=10)},
    ),
    objectives={'classify': Classification()},
    evaluators={'accuracy': Accuracy()},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=64,
    steps=3400,
    checkpoint=Checkpointing(every=1000),
  )
