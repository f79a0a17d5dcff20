"""Stamps: what is said, written by a decoder that listens, in three languages.

Which of them it is has to be heard, too. The encoder can start from that of
`stamps_ctc`: `--warm-start.workdir RUN --warm-start.take encoders_audio`.
"""

from mmjax.data.datasets.stamps import Stamps
from mmjax.decoders import Greedy, TextDecoder, Write
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.evaluators.generation import Generation
from mmjax.fusion.only import Only
from mmjax.layers.bert import NoPositions
from mmjax.layers.embed import LearnedPositions
from mmjax.layers.rotary import Rotary
from mmjax.layers.spectrogram import LogMel
from mmjax.layers.style import Style
from mmjax.models.generative import Generative
from mmjax.objectives.next_token import NextToken
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

SPOKEN = ('es', 'fr', 'ro')
END = 2


def get_config() -> Config:
  # To tune something, hold the validation split out: --data.train-on train.
  data = Stamps(
    train_on='train_and_validation',
    spoken=SPOKEN,
    image_size=8,
    audio_seconds=3.0,
    default_rate=0.0,
    speech_rate=1.0,
  )
  small = {'width': 128, 'heads': 4, 'mlp_ratio': 2.0, 'dropout': 0.1}
  write = Greedy(length=data.text_length - 1, stop=(END,))
  return Config(
    data=data,
    model=Generative(
      encoders={
        # As in `stamps_ctc`.
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(hop=240),
          patch_size=(4, 64),
          stride=(2, 64),
          positions=NoPositions(),
          depth=3,
          style=Style(rotary=Rotary()),
          **small,
        )
      },
      fusion=Only(modality='audio'),
      decoder=TextDecoder(
        depth=2, positions=LearnedPositions(length=data.text_length), **small
      ),
    ),
    objectives={'write': NextToken(label_smoothing=0.1, needs=('audio',))},
    evaluators={
      # What was trained on, too: there is less than an hour of it. Every fifth
      # text of the test split stands in the training split.
      name: Generation(
        decode=Write(decoding=write), name=name, view=view, given=('audio',)
      )
      for name, view in {
        'transcript': 'speech',
        'unseen': 'unseen',
        'seen': 'seen',
      }.items()
    },
    optimizer=AdamW(peak_lr=1e-3, weight_decay=0.05),
    batch_size=32,
    steps=1000,
    checkpoint=Checkpointing(every=1000),
  )
