"""Talking: what a voice in noise says, written by a decoder that listens.

Speech recognition of the encoder-decoder kind on generated data, from the sound
alone; needs the Debian package espeak-ng.
"""

from mmjax.data.datasets.talking import Talking
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

END = 2


def get_config() -> Config:
  # The sentences have 20 to 33 letters.
  data = Talking(size=4, text_length=36, noise=(0.0, 30.0))
  small = {'width': 96, 'heads': 4, 'mlp_ratio': 2.0}
  write = Greedy(length=data.text_length - 1, stop=(END,))
  return Config(
    data=data,
    model=Generative(
      encoders={
        # A token for 40 ms, of 80 ms, as in `talking`.
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(hop=320),
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
    objectives={'write': NextToken(needs=('audio',))},
    evaluators={
      name: Generation(
        decode=Write(decoding=write), name=name, view=view, given=('audio',)
      )
      for name, view in {'clean': 'default', 'noisy': 'in_step:0'}.items()
    },
    optimizer=AdamW(peak_lr=1e-3, weight_decay=0.05),
    batch_size=32,
    steps=1200,
    checkpoint=Checkpointing(every=600),
  )
