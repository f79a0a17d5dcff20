"""Digits under differential privacy: what one example was cannot be told.

A small model and few, large batches: noise grows with the parameters, and what
is spent with the number of epochs. `epsilon` stands in the log and beside the
accuracy.
"""

from mmjax.data.datasets.digits import Digits
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import MeanPool
from mmjax.layers.spectrogram import LogMel
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW
from mmjax.train.privacy import Private

MODALITIES = ('image', 'text', 'audio')


def get_config() -> Config:
  small = {'width': 16, 'depth': 1, 'heads': 2, 'mlp_ratio': 2.0}
  return Config(
    data=Digits(),
    model=Fused(
      encoders={
        'image': ViT(patch_size=2, mean=(0.3,), std=(0.4,), **small),
        'text': TextTransformer(**small),
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(n_fft=1024, hop=256, mels=64, fmax=2000.0),
          patch_size=(4, 64),
          **small,
        ),
      },
      fusion=Concat(pools={name: MeanPool() for name in MODALITIES}, width=32),
      heads={'label': Head(classes=10)},
    ),
    objectives={'classify': Classification()},
    evaluators={'accuracy': Accuracy(modalities=MODALITIES)},
    optimizer=Private(
      optimizer=AdamW(peak_lr=1e-2, clip_norm=None, weight_decay=0.0),
      clip_norm=1.0,
      noise_multiplier=8.0,
      delta=1e-4,
    ),
    batch_size=1280,
    steps=100,
    checkpoint=Checkpointing(every=100, best=None),
  )
