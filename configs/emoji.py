"""Emoji: the category, from the picture and the name.

Needs the npm package emoji-datasource-twitter.
"""

from mmjax.data.datasets.emoji import Emoji
from mmjax.data.transforms import RandomFlip, RandomResizedCrop
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.evaluators.retrieval import Retrieval
from mmjax.fusion.concat import Concat
from mmjax.layers.embed import NgramEmbedding
from mmjax.layers.pooling import Flatten, MeanPool
from mmjax.models.aligned import Alignment
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.contrastive import Contrastive
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

MODALITIES = ('image', 'text')
IMAGE_SIZE = 48
SPACE = ord(' ') + 4  # as ByteTokenizer has it


def get_config() -> Config:
  data = Emoji(
    image_size=IMAGE_SIZE,
    text_length=48,
    augment=(
      RandomResizedCrop(size=IMAGE_SIZE, scale=(0.7, 1.0), ratio=(0.8, 1.25)),
      RandomFlip(),
    ),
  )
  categories = len(data.classes['label'])
  pools = {'image': Flatten(), 'text': MeanPool()}
  return Config(
    data=data,
    model=Fused(
      encoders={
        'image': ConvolutionalEncoder(
          patch_size=8, widths=(64, 128), color_bins=4, dropout=0.2
        ),
        'text': TextTransformer(
          width=128,
          depth=0,
          heads=4,
          dropout=0.3,
          embed=NgramEmbedding(
            orders=(2, 3, 4, 5), buckets=16_384, boundary=SPACE
          ),
        ),
      },
      fusion=Concat(pools=pools, width=128, dropout=0.3),
      heads={'label_fused': Head(classes=categories)},
      modality_heads={
        name: {f'label_{name}': Head(classes=categories, pool=pools[name])}
        for name in MODALITIES
      },
      votes={'label': ('label_fused', 'label_image', 'label_text')},
      alignment=Alignment(pools=pools, width=64),
    ),
    objectives={
      'classify': Classification(head='label_fused', label_smoothing=0.1),
      **{
        f'classify_{name}': Classification(
          head=f'label_{name}', needs=(name,), weight=0.5, label_smoothing=0.1
        )
        for name in MODALITIES
      },
      'align': Contrastive(pairs=(MODALITIES,), weight=0.3),
    },
    evaluators={
      'accuracy': Accuracy(modalities=MODALITIES),
      'text_to_image': Retrieval(
        query='text', key='image', match='index', examples=4
      ),
    },
    drop_modalities={'image': 0.2, 'text': 0.2},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=128,
    steps=400,
    checkpoint=Checkpointing(every=200),
  )
