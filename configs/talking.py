"""Talking: what a voice in noise says, from the sound and from the lips.

Audio-visual speech recognition with connectionist temporal classification, on
generated data; needs the Debian package espeak-ng.
"""

from mmjax.data.datasets.talking import Talking
from mmjax.decoders.ctc import CtcGreedy
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.video import VideoTransformer
from mmjax.evaluators.generation import Generation
from mmjax.fusion.in_step import InStep
from mmjax.layers.bert import NoPositions
from mmjax.layers.rotary import Rotary
from mmjax.layers.spectrogram import LogMel
from mmjax.layers.style import Style
from mmjax.models.fused import Fused
from mmjax.models.heads import TokenHead
from mmjax.objectives.ctc import Ctc
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

MODALITIES = ('audio', 'video')
DECIBELS = (10, 0, -5, -10)
LOUD = ('in_step:0', 'out_of_step:0')
# Special tokens, and the bytes of ASCII.
CLASSES = 4 + 128
VIEWS = (
  'default',
  *(f'{step}:{db}' for db in DECIBELS for step in ('in_step', 'out_of_step')),
)


def get_config() -> Config:
  small = {
    'width': 96,
    'heads': 4,
    'mlp_ratio': 2.0,
    'style': Style(rotary=Rotary()),
  }
  # Each modality alone too: what the lips add is the difference.
  every = {
    f'{view}_{"+".join(given)}': Generation(
      decode=CtcGreedy(),
      name=f'{view.replace(":", "_")}/{"+".join(given)}',
      view=view,
      given=given,
      examples=8 if view == LOUD[0] else 0,
    )
    for view in VIEWS
    for given in (MODALITIES, ('audio',), ('video',))
    # Without the other one nothing can be in step or not.
    if len(given) == 2 or not view.startswith('out_of_step')
  }
  often = {k: v for k, v in every.items() if v.view in ('default', *LOUD)}
  return Config(
    data=Talking(size=16),
    model=Fused(
      encoders={
        # A token for 40 ms, of 80 ms: letters come no faster than that.
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(hop=320),
          patch_size=(4, 64),
          stride=(2, 64),
          positions=NoPositions(),
          depth=2,
          **small,
        ),
        # A token a frame, 40 ms, too.
        'video': VideoTransformer(
          tubelet=(1, 16),
          mean=(0.7,),
          std=(0.2,),
          positions=NoPositions(),
          depth=1,
          **small,
        ),
      },
      fusion=InStep(modalities=MODALITIES, depth=2, **small),
      heads={'transcript': TokenHead(classes=CLASSES, blank=0)},
    ),
    objectives={'transcribe': Ctc()},
    evaluators=often,
    # The whole curve: benchmarks/talking.py draws it.
    sweeps={k: v for k, v in every.items() if k not in often},
    drop_modalities={'audio': 0.2, 'video': 0.3},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=32,
    steps=1200,
    checkpoint=Checkpointing(every=1200),
  )
