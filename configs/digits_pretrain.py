"""Digits, without labels: fill in what is masked, and match the modalities.

`configs/digits_finetune.py` goes on from here.
"""

from mmjax.data.datasets.digits import Digits
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.retrieval import Retrieval
from mmjax.layers.pooling import MeanPool
from mmjax.layers.spectrogram import LogMel
from mmjax.models.aligned import Aligned, Alignment
from mmjax.models.masked import Masked
from mmjax.objectives.contrastive import Contrastive
from mmjax.objectives.masked_modelling import MaskedPatches, MaskedText
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

MODALITIES = ('image', 'text', 'audio')
PAIRS = (('image', 'text'), ('text', 'audio'), ('image', 'audio'))


def get_config() -> Config:
  width, depth, heads = 64, 2, 4
  small = {'width': width, 'depth': depth, 'heads': heads, 'mlp_ratio': 2.0}
  pools = {name: MeanPool() for name in MODALITIES}
  return Config(
    data=Digits(),
    model=Masked(
      model=Aligned(
        encoders={
          'image': ViT(patch_size=2, mean=(0.3,), std=(0.4,), **small),
          'text': TextTransformer(**small),
          'audio': AudioSpectrogramTransformer(
            spectrogram=LogMel(n_fft=1024, hop=256, mels=64, fmax=2000.0),
            patch_size=(4, 64),
            **small,
          ),
        },
        alignment=Alignment(pools=pools, width=32),
      ),
      patches={'image': 0.5, 'audio': 0.25},
      text={'text': 0.25},
    ),
    objectives={
      'fill_image': MaskedPatches(modality='image', kind='l2'),
      'fill_audio': MaskedPatches(modality='audio', kind='l2'),
      'fill_text': MaskedText(),
      'align': Contrastive(pairs=PAIRS),
    },
    evaluators={
      f'{query}_to_{key}': Retrieval(query=query, key=key, examples=0)
      for query, key in PAIRS
    },
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=128,
    steps=1000,
    checkpoint=Checkpointing(every=250, best=None),
  )
