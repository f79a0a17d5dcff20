"""Stamps: what is said, letter by letter, in three languages.

Connectionist temporal classification on an audio spectrogram Transformer; the
letters are the bytes of UTF-8.
"""

from mmjax.data.datasets.stamps import Stamps
from mmjax.decoders.ctc import CtcGreedy
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.evaluators.generation import Generation
from mmjax.fusion.only import Only
from mmjax.layers.bert import NoPositions
from mmjax.layers.rotary import Rotary
from mmjax.layers.spectrogram import LogMel
from mmjax.layers.style import Style
from mmjax.models.fused import Fused
from mmjax.models.heads import TokenHead
from mmjax.objectives.ctc import Ctc
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

# In Latin letters, so that one is nearly always a byte, and said so slowly that
# there are about two tokens for each.
SPOKEN = ('es', 'fr', 'ro')


def get_config() -> Config:
  # To tune something, hold the validation split out: --data.train-on train.
  return Config(
    # Every training example is in a language that is spoken.
    data=Stamps(
      train_on='train_and_validation',
      spoken=SPOKEN,
      image_size=8,
      audio_seconds=3.0,
      default_rate=0.0,
      speech_rate=1.0,
    ),
    model=Fused(
      encoders={
        'audio': AudioSpectrogramTransformer(
          # A token for 30 ms, of 60.
          spectrogram=LogMel(hop=240),
          patch_size=(4, 64),
          stride=(2, 64),
          positions=NoPositions(),
          width=128,
          depth=3,
          heads=4,
          mlp_ratio=2.0,
          dropout=0.1,
          style=Style(rotary=Rotary()),
        )
      },
      fusion=Only(modality='audio'),
      heads={'transcript': TokenHead(classes=260, blank=0)},
    ),
    objectives={'transcribe': Ctc()},
    evaluators={
      # What was trained on, too: there is less than an hour of it. Every fifth
      # text of the test split stands in the training split.
      name: Generation(
        decode=CtcGreedy(), name=name, view=view, given=('audio',)
      )
      for name, view in {
        'transcript': 'speech',
        'unseen': 'unseen',
        'seen': 'seen',
      }.items()
    },
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=32,
    steps=1000,
    checkpoint=Checkpointing(every=1000),
  )
