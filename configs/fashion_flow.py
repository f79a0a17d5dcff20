"""Fashion: grey pictures of clothes, drawn from the names of their classes.

Needs the Debian package dataset-fashion-mnist.
"""

from mmjax.data.datasets.fashion import Fashion
from mmjax.decoders.draw import Draw
from mmjax.decoders.flow import FlowTransformer
from mmjax.decoders.solvers import Heun
from mmjax.encoders.convnet import ConvNet
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.picture_classifier import PictureClassifier
from mmjax.evaluators.samples import Samples
from mmjax.fusion.concat_dense import ConcatDense
from mmjax.layers.pooling import Flatten
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.models.text_to_image import TextToImage
from mmjax.objectives.flow_matching import FlowMatching
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  width, heads = 96, 4
  return Config(
    data=Fashion(text_length=12),
    model=TextToImage(
      encoders={
        'text': TextTransformer(
          width=width, depth=1, heads=heads, mlp_ratio=2.0
        )
      },
      decoder=FlowTransformer(
        patch_size=4, width=width, depth=4, heads=heads, mlp_ratio=2.0
      ),
      shape=(28, 28, 1),
    ),
    objectives={'flow': FlowMatching()},
    evaluators={
      'samples': Samples(
        decode=Draw(solver=Heun(steps=10), guidance=1.5),
        classifier=PictureClassifier(
          model=Fused(
            encoders={
              'image': ConvNet(
                widths=(16, 32, 64), convolutions=1, mean=(0.286,), std=(0.353,)
              )
            },
            fusion=ConcatDense(
              pools={'image': Flatten()}, width=64, dropout=0.2
            ),
            heads={'label': Head(classes=10)},
          ),
          steps=1500,
        ),
        examples=500,
      )
    },
    drop_modalities={'text': 0.1, 'image': 0.0},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.01),
    batch_size=32,
    steps=1400,
    checkpoint=Checkpointing(every=1400, best='generated/accuracy'),
  )
