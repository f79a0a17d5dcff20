"""Stamps to search: pictures, descriptions and speech in one space.

As `stamps`, and what a picture shows is near to what is written and said of it,
in whatever language: `mmjax search` finds each by each (docs/search.md).
"""

from typing import Any

from mmjax.data.datasets.stamps import Stamps
from mmjax.data.transforms import RandomFlip, RandomResizedCrop
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.evaluators.retrieval import Retrieval
from mmjax.fusion.concat import Concat
from mmjax.layers.embed import NgramEmbedding
from mmjax.layers.pooling import Flatten, MeanPool
from mmjax.layers.spectrogram import LogMel
from mmjax.models.aligned import Alignment
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.contrastive import Contrastive
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

MODALITIES = ('image', 'text', 'audio')
IMAGE_SIZE = 64
SPACE = ord(' ') + 4  # as ByteTokenizer has it


def get_config() -> Config:
  # To tune something, hold the validation split out: --data.train-on train.
  data = Stamps(
    train_on='train_and_validation',
    image_size=IMAGE_SIZE,
    audio_seconds=2.5,
    default_rate=0.2,
    augment=(
      RandomResizedCrop(size=IMAGE_SIZE, scale=(0.7, 1.0), ratio=(0.8, 1.25)),
      RandomFlip(),
    ),
  )
  categories, languages = len(data.categories), len(data.spoken)
  # Where things stand in a stamp tells much: most are cut out and centred.
  pools = {'image': Flatten(), 'text': MeanPool(), 'audio': MeanPool()}
  smooth: dict[str, Any] = {'label_smoothing': 0.1}
  return Config(
    data=data,
    model=Fused(
      encoders={
        'image': ConvolutionalEncoder(
          patch_size=8, widths=(64, 128), color_bins=4, dropout=0.2
        ),
        # With hundreds of texts, n-grams know more than attention can learn.
        'text': TextTransformer(
          width=128,
          depth=0,
          heads=4,
          dropout=0.3,
          embed=NgramEmbedding(
            orders=(2, 3, 4, 5, 6), buckets=32_768, boundary=SPACE
          ),
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
      },
      fusion=Concat(pools=pools, width=128, dropout=0.3),
      heads={'label_fused': Head(classes=categories)},
      modality_heads={
        'image': {
          'label_image': Head(classes=categories, pool=Flatten(), dropout=0.5)
        },
        'text': {'label_text': Head(classes=categories, pool=MeanPool())},
        'audio': {
          'label_audio': Head(classes=categories, pool=MeanPool()),
          'language': Head(classes=languages, pool=MeanPool()),
        },
      },
      # What one modality says alone counts beside what the fusion makes of all.
      # But the picture is the same beside each of fifteen descriptions: there
      # its own vote, cast with each, would outweigh theirs.
      votes={
        'label': ('label_fused', 'label_text', 'label_image'),
        'label_described': ('label_fused', 'label_text'),
      },
      alignment=Alignment(pools=pools, width=64),
    ),
    objectives={
      'classify': Classification(head='label_fused', **smooth),
      **{
        f'classify_{name}': Classification(
          head=f'label_{name}', needs=(name,), weight=weight, **smooth
        )
        for name, weight in {'image': 0.3, 'text': 0.6, 'audio': 0.3}.items()
      },
      'language': Classification(
        head='language', target='language', needs=('audio',), weight=0.5
      ),
      'align': Contrastive(
        pairs=(('audio', 'text'), ('image', 'text'), ('image', 'audio')),
        same='group',
      ),
    },
    evaluators={
      'fused': Accuracy(modalities=MODALITIES),
      'fused_languages': Accuracy(
        head='label_described',
        name='fused_languages',
        view='languages',
        group='group',
      ),
      'language': Accuracy(
        head='language',
        target='language',
        name='language',
        view='speech',
        given=('audio',),
      ),
      'audio_to_text': Retrieval(
        query='audio',
        key='text',
        pool='pool',
        distinct=True,
        view='speech',
      ),
      'text_to_image': Retrieval(query='text', key='image'),
      'audio_to_image': Retrieval(query='audio', key='image'),
    },
    drop_modalities={'image': 0.2, 'text': 0.3, 'audio': 0.2},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=128,
    steps=500,
    checkpoint=Checkpointing(every=250, best=None),
  )
