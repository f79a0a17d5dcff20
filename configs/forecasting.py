"""Forecasting: a warehouse's orders of the next two weeks, from the last eight
and from what has been announced. Generated.
"""

import functools

from mmjax.data.datasets.demand import HORIZON, Demand
from mmjax.encoders.sensor import SensorTransformer
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.forecast import Forecast
from mmjax.fusion.single_stream import SingleStream
from mmjax.layers.words import WordEmbedding
from mmjax.models.fused import Fused
from mmjax.models.heads import LastTokens
from mmjax.objectives.regression import Regression
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  data = Demand()
  small = {'width': 64, 'depth': 1, 'heads': 4, 'mlp_ratio': 2.0}
  return Config(
    data=data,
    model=Fused(
      encoders={
        'sensor': SensorTransformer(patch_size=7, **small),
        'days': SensorTransformer(patch_size=1, **small),
        'text': TextTransformer(
          embed=WordEmbedding(words=data.words.vocabulary), **small
        ),
      },
      fusion=SingleStream(
        modalities=('sensor', 'text', 'days'), **{**small, 'depth': 2}
      ),
      heads={'change': LastTokens(count=HORIZON, hidden=64)},
    ),
    objectives={
      'change': Regression(head='change', target='change', kind='l1')
    },
    evaluators={
      'forecast': Forecast(text_of=functools.partial(data.text, 'test'))
    },
    optimizer=AdamW(peak_lr=3e-3, weight_decay=0.05),
    batch_size=128,
    steps=2000,
    checkpoint=Checkpointing(every=2000, best=None),
  )
