"""Stamps: what is said, letter by letter, in thirteen languages.

Connectionist temporal classification on an audio spectrogram Transformer; the
letters are the bytes of UTF-8.
"""

from mmjax.data.datasets.stamps import Stamps
from mmjax.decoders.ctc import CtcGreedy
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.evaluators.generation import Generation
from mmjax.fusion.only import Only
from mmjax.layers.spectrogram import LogMel
from mmjax.models.fused import Fused
from mmjax.models.heads import TokenHead
from mmjax.objectives.ctc import Ctc
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  # To tune something, hold the validation split out: --data.train-on train.
  return Config(
    # Every training example is in a language that is spoken.
    data=Stamps(
      train_on='train_and_validation',
      image_size=8,
      audio_seconds=3.0,
      default_rate=0.0,
      speech_rate=1.0,
    ),
    model=Fused(
      encoders={
        'audio': AudioSpectrogramTransformer(
          # One token for 20 ms: letters come faster than those of digits.
          spectrogram=LogMel(hop=160),
          patch_size=(2, 64),
          width=192,
          depth=4,
          heads=4,
          dropout=0.1,
        )
      },
      fusion=Only(modality='audio'),
      heads={'transcript': TokenHead(classes=260, blank=0)},
    ),
    objectives={'transcribe': Ctc()},
    evaluators={
      'transcript': Generation(
        decode=CtcGreedy(), view='speech', given=('audio',)
      )
    },
    optimizer=AdamW(peak_lr=1e-3, weight_decay=0.05),
    batch_size=64,
    steps=2000,
    checkpoint=Checkpointing(every=500),
  )
