"""Smart home: what a spoken command means, from its sound alone.

Generated voices in noise; needs the Debian package espeak-ng.
"""

from mmjax.data.datasets.commands import Commands
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.evaluators.frames import Frames
from mmjax.fusion.only import Only
from mmjax.layers.bert import NoPositions
from mmjax.layers.pooling import NthToken
from mmjax.layers.rotary import Rotary
from mmjax.layers.spectrogram import LogMel
from mmjax.layers.style import Style
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

VIEWS = (
  'default', 'clean', 'noise:0', 'noise:-5', 'known_phrasings', 'known_voices',
)  # fmt: skip


def get_config() -> Config:
  data = Commands()
  asked = tuple(data.classes)
  return Config(
    data=data,
    model=Fused(
      encoders={
        # A token for 60 ms, of 120 ms, and one for each question.
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(hop=320),
          patch_size=(6, 64),
          stride=(3, 64),
          first_tokens=asked,
          positions=NoPositions(),
          width=96,
          depth=3,
          heads=4,
          mlp_ratio=2.0,
          style=Style(rotary=Rotary()),
        )
      },
      fusion=Only(modality='audio'),
      heads={
        name: Head(classes=len(values), pool=NthToken(index=i))
        for i, (name, values) in enumerate(data.classes.items())
      },
    ),
    objectives={name: Classification(head=name, target=name) for name in asked},
    evaluators={
      'frame': Frames(tokenizer=data.words, slots=asked[1:], views=VIEWS)
    },
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=64,
    steps=1000,
    checkpoint=Checkpointing(every=1000, best=None),
  )
