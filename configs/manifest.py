"""Your own pictures, texts, sounds and videos, from a table or shards.

    python train.py --config configs/manifest.py --workdir runs/mine \\
        --data.root things.csv --data.columns.label species

where each row of `things.csv` names a picture, a sound, a text or some of them,
and the class; docs/data.md has the other ways to keep data.

The model is small, for hundreds to tens of thousands of examples: pictures of
64 pixels to a convolutional network, 0.8 million parameters; texts to the mean
of hashed n-grams, 4.3 million; sounds of 3 seconds to a spectrogram
Transformer two blocks deep, 0.3 million; 8 frames of videos to such a one, 0.5
million. A modality that the data lacks has no
encoder; an example may lack any.
"""

from typing import Any

from mmjax.data.sources import Records
from mmjax.data.transforms import RandomFlip, RandomResizedCrop
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.encoders.video import VideoTransformer
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.fusion.concat import Concat
from mmjax.layers.embed import NgramEmbedding
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
  text_length=128,
  audio_seconds=3.0,
  augment=(
    RandomResizedCrop(size=64, scale=(0.5, 1.0)),
    RandomFlip(),
  ),
)
SPACE = ord(' ') + 4  # as ByteTokenizer has it


def get_config(*, data: Records = YOURS) -> Config:
  # What is there decides which encoders there are, and how many classes.
  data = data.resolved()
  classes = len(data.labels)
  if classes < 2:
    raise InputError(
      f'{data.root} has {classes} classes in the column '
      f'{data.columns.label!r}: name another with --data.columns.label'
    )
  encoders: dict[str, Any] = {
    'image': ConvolutionalEncoder(
      patch_size=8, widths=(64, 128), color_bins=4, dropout=0.1
    ),
    'text': TextTransformer(
      width=128,
      depth=0,
      heads=4,
      dropout=0.3,
      embed=NgramEmbedding(orders=(2, 3, 4, 5), buckets=8_192, boundary=SPACE),
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
  pools = {
    'image': Flatten(),
    'text': MeanPool(),
    'audio': MeanPool(),
    'video': MeanPool(),
  }
  several = len(used) > 1
  # A head on each tower keeps the fusion from neglecting a slow learner.
  own = {name: f'label_{name}' for name in used} if several else {}
  return Config(
    data=data,
    model=Fused(
      encoders={name: encoders[name] for name in used},
      fusion=Concat(
        pools={name: pools[name] for name in used}, width=128, dropout=0.2
      ),
      heads={'label_fused': Head(classes=classes)},
      modality_heads={
        name: {head: Head(classes=classes, pool=pools[name])}
        for name, head in own.items()
      },
      votes={'label': ('label_fused', *own.values())},
    ),
    objectives={
      'classify': Classification(head='label_fused', label_smoothing=0.1),
      **{
        f'classify_{name}': Classification(
          head=head, needs=(name,), weight=0.5, label_smoothing=0.1
        )
        for name, head in own.items()
      },
    },
    evaluators={'accuracy': Accuracy(modalities=used if several else ())},
    drop_modalities=dict.fromkeys(used, 0.2) if several else {},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=64,
    steps=500,
    checkpoint=Checkpointing(every=100),
  )
