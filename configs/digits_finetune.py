"""Digits, with labels, from encoders that were trained without any.

    python train.py --config configs/digits_pretrain.py --workdir runs/pretrain
    python train.py --config configs/digits_finetune.py \\
        --warm-start.workdir runs/pretrain --workdir runs/finetune
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
from mmjax.train.groups import Groups
from mmjax.train.optimizer import AdamW

MODALITIES = ('image', 'text', 'audio')


def get_config() -> Config:
  width, depth, heads = 64, 2, 4
  small = {'width': width, 'depth': depth, 'heads': heads, 'mlp_ratio': 2.0}
  pools = {name: MeanPool() for name in MODALITIES}
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
      fusion=Concat(pools=pools, width=128),
      heads={'label': Head(classes=10)},
    ),
    objectives={'classify': Classification()},
    evaluators={'accuracy': Accuracy(modalities=MODALITIES)},
    drop_modalities={'image': 0.2, 'text': 0.5, 'audio': 0.5},
    # What is there already moves less than what is new.
    optimizer=AdamW(
      peak_lr=2e-3, weight_decay=0.05, groups=Groups(rates={'^encoders_': 0.5})
    ),
    batch_size=128,
    steps=300,
    checkpoint=Checkpointing(every=100),
  )
