"""Parity: generated; only a fusion of all modalities can be right.

The label is the exclusive or of a bit in the picture and one in the word. Put
any fusion in place of `Concat`.
"""

from mmjax.data.datasets.parity import Parity
from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.evaluators.corruptions import PixelNoise, TokenNoise
from mmjax.evaluators.robustness import Robustness
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import MeanPool
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW
from mmjax.train.schedules import Constant

MODALITIES = ('image', 'text')


def get_config() -> Config:
  small = {'width': 32, 'depth': 1, 'heads': 2, 'mlp_ratio': 2.0}
  return Config(
    data=Parity(modalities=MODALITIES),
    model=Fused(
      encoders={
        'image': ViT(patch_size=4, mean=(0.5,), std=(0.5,), **small),
        'text': TextTransformer(**small),
      },
      fusion=Concat(pools={m: MeanPool() for m in MODALITIES}, width=64),
      heads={'label': Head(classes=2, hidden=64)},
    ),
    objectives={'classify': Classification()},
    evaluators={'accuracy': Accuracy(modalities=MODALITIES)},
    sweeps={
      'robustness': Robustness(
        noise={'image': PixelNoise(), 'text': TokenNoise()}
      )
    },
    # Nothing is learned for a while, then all at once: the rate must not have
    # gone down before.
    optimizer=AdamW(
      peak_lr=1e-3, weight_decay=0.01, warmup=0.1, decay=Constant()
    ),
    batch_size=128,
    steps=1000,
    checkpoint=Checkpointing(every=500),
  )
