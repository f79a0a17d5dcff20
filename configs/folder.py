"""Your own pictures, sounds or videos, in a folder for each class.

    python train.py --config configs/folder.py --workdir runs/mine \\
        --data.root ~/pictures

where `~/pictures/cat/001.jpg` is a cat; `train/cat/001.jpg` and `test/cat/...`
keep a split of your own. docs/data.md has the other ways to keep data.

The model is small, for hundreds to tens of thousands of examples: pictures of
64 pixels to a convolutional network, 0.8 million parameters; sounds of 3
seconds to a spectrogram Transformer two blocks deep, 0.3 million; 8 frames of
videos to such a one, 0.5 million. A folder of several teaches one model all.
"""

from typing import Any

from mmjax.data.sources import Records
from mmjax.data.transforms import RandomFlip, RandomResizedCrop
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.video import VideoTransformer
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import Flatten, MeanPool
from mmjax.layers.spectrogram import LogMel
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW
from mmjax.types import InputError

YOURS = Records(
  image_size=64,
  audio_seconds=3.0,
  augment=(
    RandomResizedCrop(size=64, scale=(0.5, 1.0)),
    RandomFlip(),
  ),
)


def get_config(*, data: Records = YOURS) -> Config:
  # What is there decides which encoders there are, and how many classes.
  data = data.resolved()
  if len(data.labels) < 2:
    raise InputError(
      f'{data.root} has {len(data.labels)} classes: put the files of each '
      'class into a folder of its name'
    )
  encoders: dict[str, Any] = {
    'image': ConvolutionalEncoder(
      patch_size=8, widths=(64, 128), color_bins=4, dropout=0.1
    ),
    'audio': AudioSpectrogramTransformer(
      spectrogram=LogMel(hop=320),
      patch_size=(4, 64),
      width=128,
      depth=2,
      heads=4,
      mlp_ratio=2.0,
      dropout=0.1,
    ),
    'video': VideoTransformer(
      tubelet=(2, 16), width=128, depth=2, heads=4, mlp_ratio=2.0, dropout=0.1
    ),
  }
  used = tuple(name for name in encoders if name in data.modalities)
  if not used:
    raise InputError(
      f'{data.root} has only {", ".join(data.modalities)}: train '
      'configs/manifest.py on it'
    )
  pools = {'image': Flatten(), 'audio': MeanPool(), 'video': MeanPool()}
  several = len(used) > 1
  return Config(
    data=data,
    model=Fused(
      encoders={name: encoders[name] for name in used},
      fusion=Concat(
        pools={name: pools[name] for name in used}, width=128, dropout=0.2
      ),
      heads={'label': Head(classes=len(data.labels))},
    ),
    objectives={'classify': Classification(label_smoothing=0.1)},
    evaluators={'accuracy': Accuracy(modalities=used if several else ())},
    drop_modalities=dict.fromkeys(used, 0.2) if several else {},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=64,
    steps=500,
    checkpoint=Checkpointing(every=100),
  )
