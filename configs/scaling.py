"""Scaling: three towers of size B on generated data, to plan and to measure.

Nothing can be learned here: pixels, tokens and waves are random. The towers are
those of SigLIP B/16 at 224 pixels and 64 tokens, and AST B/16 over 10 seconds.
"""

from typing import Any

from mmjax.data.datasets.generated import Generated
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.layers.embed import ByteEmbedding
from mmjax.layers.pooling import MeanPool
from mmjax.layers.spectrogram import LogMel
from mmjax.models.aligned import Aligned, Alignment
from mmjax.objectives.contrastive import Contrastive
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

MODALITIES = ('image', 'text', 'audio')
PAIRS = (('image', 'text'), ('text', 'audio'), ('image', 'audio'))


def get_config() -> Config:
  base: dict[str, Any] = {
    'width': 768,
    'depth': 12,
    'heads': 12,
    'scan': True,
    'remat': 'projections',
  }
  data = Generated()
  return Config(
    data=data,
    model=Aligned(
      encoders={
        'image': ViT(patch_size=16, **base),
        'text': TextTransformer(
          embed=ByteEmbedding(vocabulary=data.vocabulary), **base
        ),
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(mels=128), patch_size=(16, 16), **base
        ),
      },
      alignment=Alignment(
        pools={name: MeanPool() for name in MODALITIES}, width=512
      ),
    ),
    objectives={'align': Contrastive(pairs=PAIRS)},
    evaluators={},
    optimizer=AdamW(peak_lr=1e-3, weight_decay=0.1),
    batch_size=128,
    checkpoint=Checkpointing(best=None),
  )
