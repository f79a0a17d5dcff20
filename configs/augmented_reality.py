"""Augmented reality: which thing a spoken question means, and where it is.

From a picture, readings of the viewer's position and the sound of a question.
Generated squares with Tux Paint's stamps, those of the test never seen in
training; needs the Debian packages tuxpaint-stamps-default and espeak-ng.
"""

from mmjax.data.datasets.square import Square
from mmjax.data.transforms import ColorJitter
from mmjax.data.transforms.sounds import RandomSpeed
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.readings import MeanReading
from mmjax.encoders.unet import UNet
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.evaluators.pointing import Pointing as Pointed
from mmjax.fusion.placed import Placed
from mmjax.layers.bert import NoPositions
from mmjax.layers.pooling import NthToken
from mmjax.layers.rotary import Rotary
from mmjax.layers.spec_augment import SpecAugment
from mmjax.layers.spectrogram import LogMel
from mmjax.layers.style import Style
from mmjax.models.detection_heads import BoxHead
from mmjax.models.fused import Fused
from mmjax.models.heads import Head, TokenHead
from mmjax.models.pointing_heads import PlaceHead, WhichHead
from mmjax.objectives.pointing import Pointing
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  jitter = ColorJitter(brightness=0.2, contrast=0.2, saturation=0.3, hue=0.05)
  speed = RandomSpeed(factors=(0.8, 1.25))
  data = Square(augment=(jitter,), augment_sound=(speed,))
  return Config(
    data=data,
    model=Fused(
      encoders={
        # A token for each 8 x 8 pixels, and each may be the one that is meant.
        'image': UNet(widths=(24, 48, 64, 96), up_to=1),
        'position': MeanReading(),
        # A token for 60 ms, of 120 ms, and one for the question.
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(hop=320),
          augment=SpecAugment(bands=12, frames=12),
          patch_size=(6, 64),
          stride=(3, 64),
          first_tokens=('asked',),
          positions=NoPositions(),
          width=64,
          depth=3,
          heads=4,
          mlp_ratio=2.0,
          style=Style(rotary=Rotary()),
        ),
      },
      fusion=Placed(given={'audio': NthToken(index=0)}),
      heads={
        'which': WhichHead(),
        'things': TokenHead(classes=len(data.classes['things'])),
        'boxes': BoxHead(),
        'places': PlaceHead(),
      },
      modality_heads={
        'audio': {
          'asked': Head(
            classes=len(data.classes['asked']), pool=NthToken(index=0)
          )
        }
      },
    ),
    objectives={
      'point': Pointing(of_class=3.0, weight=3.0),
      # What is asked is sooner learned by itself than from where to point.
      'asked': Classification(head='asked', target='asked', needs=('audio',)),
    },
    evaluators={
      'pointing': Pointed(tokenizer=data.words),
      'asked': Accuracy(head='asked', target='asked', name='asked'),
    },
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    # So that what it says without one of them is more than an accident.
    drop_modalities={'audio': 0.1, 'position': 0.1},
    batch_size=32,
    steps=700,
    checkpoint=Checkpointing(every=700, best=None),
  )
