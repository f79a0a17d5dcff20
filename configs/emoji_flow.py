"""Emoji drawn from their names, 32 pixels wide.

There are 1,300 to learn from: it draws those that it has seen, and of others
what their words have in common with them. Needs the npm package
emoji-datasource-twitter.
"""

from mmjax.data.datasets.emoji import CATEGORIES, Emoji
from mmjax.decoders.draw import Draw
from mmjax.decoders.flow import FlowTransformer
from mmjax.decoders.solvers import Heun
from mmjax.decoders.times import LogitNormalTimes
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.picture_classifier import PictureClassifier
from mmjax.evaluators.samples import Samples
from mmjax.fusion.concat_dense import ConcatDense
from mmjax.layers.embed import NgramEmbedding
from mmjax.layers.pooling import MeanPool
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.models.text_to_image import TextToImage
from mmjax.objectives.flow_matching import FlowMatching
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

SPACE = ord(' ') + 4  # as ByteTokenizer has it


def get_config() -> Config:
  width, heads = 96, 4
  draw = Draw(solver=Heun(steps=10), guidance=1.5)
  classifier = PictureClassifier(
    model=Fused(
      encoders={
        'image': ConvolutionalEncoder(
          patch_size=4, widths=(32, 64, 128), dropout=0.2
        )
      },
      fusion=ConcatDense(pools={'image': MeanPool()}, width=64, dropout=0.2),
      heads={'label': Head(classes=len(CATEGORIES))},
    ),
    steps=500,
  )
  return Config(
    data=Emoji(image_size=32, text_length=32),
    model=TextToImage(
      encoders={
        'text': TextTransformer(
          width=width,
          depth=1,
          heads=heads,
          mlp_ratio=2.0,
          embed=NgramEmbedding(
            orders=(2, 3, 4, 5), buckets=4096, boundary=SPACE
          ),
        )
      },
      decoder=FlowTransformer(
        patch_size=4, width=width, depth=4, heads=heads, mlp_ratio=2.0
      ),
      shape=(32, 32, 3),
      times=LogitNormalTimes(),
    ),
    objectives={'flow': FlowMatching()},
    evaluators={
      'samples': Samples(
        decode=draw, classifier=classifier, examples=192, draws=2
      ),
      # What it has seen in training.
      'seen': Samples(
        decode=draw,
        classifier=classifier,
        name='seen',
        split='train',
        examples=192,
        draws=2,
      ),
    },
    drop_modalities={'text': 0.1, 'image': 0.0},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.01),
    batch_size=32,
    steps=3000,
    checkpoint=Checkpointing(every=3000, best=None),
  )
