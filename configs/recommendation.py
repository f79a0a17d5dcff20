"""Recommendation: what a user watches next, from pictures, voices and titles of
what the user has watched. The items are real stamps, the users are generated.
"""

from mmjax.data.datasets.watching import Watching
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.bag import BagOfVectors
from mmjax.encoders.image import ViT
from mmjax.encoders.recurrent import Recurrent
from mmjax.evaluators.recommendation import Recommendation
from mmjax.fusion.concat import Concat
from mmjax.layers.embed import NgramEmbedding
from mmjax.layers.pooling import MeanPool
from mmjax.layers.spectrogram import LogMel
from mmjax.layers.words import WordEmbedding
from mmjax.models.recommender import Recommender
from mmjax.objectives.next_item import NextItem
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

CONTENT = ('image', 'text', 'audio')
MODALITIES = (*CONTENT, 'number')


def get_config() -> Config:
  small = {'width': 64, 'depth': 1, 'heads': 4, 'mlp_ratio': 2.0}
  return Config(
    data=Watching(),
    model=Recommender(
      encoders={
        'image': ViT(patch_size=16, **small),
        'text': BagOfVectors(
          width=64, embed=NgramEmbedding(orders=(2, 3, 4), buckets=4096)
        ),
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(n_fft=1024, hop=800), patch_size=(2, 64), **small
        ),
        'number': BagOfVectors(width=64, embed=WordEmbedding(words=4096)),
      },
      fusion=Concat(pools={name: MeanPool() for name in MODALITIES}, width=128),
      user=Recurrent(cell='gru', hidden=128, width=128),
    ),
    objectives={'next': NextItem()},
    evaluators={
      'next': Recommendation(
        given={
          'content': CONTENT,
          **{
            f'without_{name}': tuple(m for m in MODALITIES if m != name)
            for name in CONTENT
          },
        }
      ),
    },
    optimizer=AdamW(peak_lr=1e-3, weight_decay=0.05),
    batch_size=32,
    steps=1500,
    checkpoint=Checkpointing(every=1500, best=None),
  )
