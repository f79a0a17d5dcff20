"""Digits drawn from their English words."""

from mmjax.data.datasets.digits import Digits
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
  width, heads = 64, 4
  return Config(
    # Nothing is corrupted, and tones, which nobody hears, are short.
    data=Digits(
      image_noise=0.0,
      typos=0.0,
      text_length=7,
      duration=(0.01, 0.01),
      audio_length=160,
    ),
    model=TextToImage(
      encoders={
        'text': TextTransformer(
          width=width, depth=1, heads=heads, mlp_ratio=2.0
        )
      },
      decoder=FlowTransformer(
        patch_size=2, width=width, depth=3, heads=heads, mlp_ratio=2.0
      ),
      shape=(8, 8, 1),
    ),
    objectives={'flow': FlowMatching()},
    evaluators={
      'samples': Samples(
        decode=Draw(solver=Heun(steps=8), guidance=1.5),
        # It sees real pictures of the training split, and nothing else.
        classifier=PictureClassifier(
          model=Fused(
            encoders={
              'image': ConvNet(
                widths=(32, 64), convolutions=1, mean=(0.3,), std=(0.4,)
              )
            },
            fusion=ConcatDense(
              pools={'image': Flatten()}, width=64, dropout=0.2
            ),
            heads={'label': Head(classes=10)},
          ),
        ),
      )
    },
    # Classifier-free guidance needs to know what no words look like.
    drop_modalities={'text': 0.1, 'image': 0.0},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.01),
    batch_size=64,
    steps=3000,
    checkpoint=Checkpointing(every=1500, best='generated/accuracy'),
  )
