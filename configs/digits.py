"""Digits: a small model of pictures, words and tones, trained in minutes.

Each modality is corrupted on its own; only together do they say the digit.
"""

from mmjax.data.datasets.digits import Digits
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.evaluators.corruptions import PixelNoise, SignalNoise, TokenNoise
from mmjax.evaluators.retrieval import Retrieval
from mmjax.evaluators.robustness import Robustness
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import MeanPool
from mmjax.layers.spectrogram import LogMel
from mmjax.models.aligned import Alignment
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.contrastive import Contrastive
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

MODALITIES = ('image', 'text', 'audio')
# Pairs whose finds the report shows.
SHOWN = (('audio', 'image'), ('image', 'text'), ('text', 'audio'))
PAIRS = (('image', 'text'), ('text', 'audio'), ('image', 'audio'))


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
      # A head on each tower keeps the fusion from neglecting a slow learner.
      modality_heads={
        name: {f'label_{name}': Head(classes=10, pool=MeanPool())}
        for name in MODALITIES
      },
      alignment=Alignment(pools=pools, width=32),
    ),
    objectives={
      'classify': Classification(),
      **{
        f'classify_{name}': Classification(
          head=f'label_{name}',
          needs=(name,),
          weight=1.0 if name == 'image' else 0.5,
        )
        for name in MODALITIES
      },
      'align': Contrastive(pairs=PAIRS, same='group', weight=0.2),
    },
    evaluators={
      'accuracy': Accuracy(modalities=MODALITIES),
      **{
        f'{query}_to_{key}': Retrieval(
          query=query, key=key, examples=4 if (query, key) in SHOWN else 0
        )
        for query in MODALITIES
        for key in MODALITIES
        if query != key
      },
    },
    sweeps={
      'robustness': Robustness(
        noise={
          'image': PixelNoise(),
          'text': TokenNoise(),
          'audio': SignalNoise(),
        }
      )
    },
    drop_modalities={'image': 0.2, 'text': 0.5, 'audio': 0.5},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=128,
    steps=1000,
    checkpoint=Checkpointing(every=250),
  )
