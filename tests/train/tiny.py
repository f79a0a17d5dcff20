"""A config that trains in seconds: digits, with next to no model."""

from mmjax.data.datasets.digits import Digits
from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.evaluators.corruptions import PixelNoise
from mmjax.evaluators.robustness import Robustness
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import MeanPool
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  small = {'width': 16, 'depth': 1, 'heads': 2}
  pools = {'image': MeanPool(), 'text': MeanPool()}
  return Config(
    data=Digits(),
    model=Fused(
      encoders={
        'image': ViT(patch_size=4, mean=(0.3,), std=(0.4,), **small),
        'text': TextTransformer(dropout=0.1, **small),
      },
      fusion=Concat(pools=pools, width=16),
      heads={'label': Head(classes=10)},
    ),
    objectives={'classify': Classification()},
    evaluators={'accuracy': Accuracy(modalities=('image', 'text'))},
    sweeps={
      'robustness': Robustness(noise={'image': PixelNoise()}, levels=(1.0,))
    },
    drop_modalities={'image': 0.3, 'text': 0.3},
    optimizer=AdamW(peak_lr=1e-2),
    batch_size=32,
    steps=40,
    log_every=4,
    checkpoint=Checkpointing(every=8),
  )
