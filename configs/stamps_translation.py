"""Stamps: a description in another language, with the picture and without."""

from typing import Any

from mmjax.data.datasets.stamps import Stamps
from mmjax.data.datasets.stamps_items import Translations
from mmjax.data.datasets.stamps_tasks import StampsTasks, StampsTokenizer
from mmjax.data.transforms import RandomResizedCrop
from mmjax.decoders import BeamSearch, Pointer, TextDecoder, Write
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.generation import Generation
from mmjax.evaluators.text_scores import translation
from mmjax.fusion.single_stream import SingleStream
from mmjax.layers.embed import ByteEmbedding, LearnedPositions
from mmjax.models.copying import Copying
from mmjax.objectives.next_token import NextToken
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

END = 2
IMAGE_SIZE = 64
LENGTH, VOCABULARY = 64, 1000
BOTH = ('source', 'image')


def get_config() -> Config:
  data = StampsTasks(
    # All pairs of fifteen languages would take longer than minutes.
    task=Translations(
      languages=('en', 'fr', 'de', 'es', 'nl', 'ca'), sources=('en',)
    ),
    # To tune something, hold the validation split out:
    # --data.stamps.train-on train.
    stamps=Stamps(
      train_on='train_and_validation',
      image_size=IMAGE_SIZE,
      audio_seconds=0.1,
      augment=(
        RandomResizedCrop(size=IMAGE_SIZE, scale=(0.6, 1.0), ratio=(0.8, 1.25)),
      ),
    ),
    vocabulary=VOCABULARY,
    source_length=28,
    text_length=LENGTH,
    training_length=24,
  )
  small: dict[str, Any] = {
    'width': 128, 'heads': 4, 'mlp_ratio': 3.0, 'dropout': 0.1
  }  # fmt: skip
  # One table for all: what both languages share can be copied.
  pieces = ByteEmbedding(vocabulary=VOCABULARY)
  decode = Write(
    decoding=BeamSearch(beams=4, length=LENGTH - 4, stop=(END,)), only='answer'
  )
  return Config(
    data=data,
    # Names are often the same in both languages: they can be copied.
    model=Copying(
      source='source',
      pointer=Pointer(width=64),
      encoders={
        'source': TextTransformer(depth=1, embed=pieces, **small),
        'image': ConvolutionalEncoder(
          patch_size=8, widths=(64, 128), color_bins=4, dropout=0.2
        ),
      },
      fusion=SingleStream(modalities=BOTH, depth=1, **small),
      decoder=TextDecoder(
        depth=2,
        embed=pieces,
        # The prompt stands in front of as many as are written.
        positions=LearnedPositions(length=2 * LENGTH),
        **small,
      ),
    ),
    objectives={'write': NextToken(only='answer', label_smoothing=0.05)},
    evaluators={
      name: Generation(
        decode=decode,
        scores=(translation,),
        only='answer',
        by='kind',
        tokenizer=StampsTokenizer(tasks=data),
        name=name,
        given=given,
        view=view,
      )
      for name, given, view in (
        ('with_picture', BOTH, 'default'),
        ('text_only', ('source',), 'default'),
        # The data is small: beside it stands what the model knows by heart.
        ('seen', BOTH, 'seen'),
      )
    },
    # One model translates with the picture and without.
    drop_modalities={'image': 0.4, 'source': 0.1},
    optimizer=AdamW(peak_lr=2.5e-3, weight_decay=0.05),
    batch_size=32,
    steps=2500,
    checkpoint=Checkpointing(every=2500, best=None),
  )
