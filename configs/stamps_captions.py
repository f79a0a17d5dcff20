"""Stamps: what a picture shows, in the language that is asked for."""

from mmjax.data.datasets.stamps import Stamps
from mmjax.data.datasets.stamps_items import Captions
from mmjax.data.datasets.stamps_tasks import StampsTasks, StampsTokenizer
from mmjax.data.transforms import (
  ColorJitter,
  RandomAffine,
  RandomResizedCrop,
)
from mmjax.decoders import BeamSearch, TextDecoder, Write
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.evaluators.generation import Generation
from mmjax.evaluators.text_scores import translation
from mmjax.fusion.only import Only
from mmjax.layers.embed import ByteEmbedding, LearnedPositions
from mmjax.models.generative import Generative
from mmjax.objectives.next_token import NextToken
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

END = 2
IMAGE_SIZE = 64
LENGTH, VOCABULARY = 64, 1000


def get_config() -> Config:
  data = StampsTasks(
    task=Captions(languages=('en', 'fr', 'de', 'es')),
    # To tune something, hold the validation split out:
    # --data.stamps.train-on train.
    stamps=Stamps(
      train_on='train_and_validation',
      image_size=IMAGE_SIZE,
      audio_seconds=0.1,
      # No picture is flipped: letters are among them.
      augment=(
        RandomResizedCrop(size=IMAGE_SIZE, scale=(0.6, 1.0), ratio=(0.8, 1.25)),
        RandomAffine(rotate=10.0, shift=0.05, fill=255),
        ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),
      ),
    ),
    # Pieces of words: with so few texts, letters learn too slowly.
    vocabulary=VOCABULARY,
    source_length=3,
    text_length=LENGTH,
    training_length=24,
  )
  search = BeamSearch(beams=4, length=LENGTH - 4, stop=(END,))
  return Config(
    data=data,
    model=Generative(
      encoders={
        'image': ConvolutionalEncoder(
          patch_size=8, widths=(64, 128), color_bins=4, dropout=0.2
        )
      },
      fusion=Only(modality='image'),
      decoder=TextDecoder(
        width=128,
        depth=2,
        heads=4,
        mlp_ratio=3.0,
        dropout=0.1,
        embed=ByteEmbedding(vocabulary=VOCABULARY),
        # The prompt stands in front of as many as are written.
        positions=LearnedPositions(length=2 * LENGTH),
      ),
    ),
    objectives={'write': NextToken(only='answer', label_smoothing=0.05)},
    evaluators={
      name: Generation(
        decode=Write(decoding=search, only='answer'),
        scores=(translation,),
        only='answer',
        by='kind',
        tokenizer=StampsTokenizer(tasks=data),
        name=name,
        view=view,
      )
      # The data is small: beside it stands what the model knows by heart.
      for name, view in {'caption': 'default', 'caption_seen': 'seen'}.items()
    },
    optimizer=AdamW(peak_lr=2.5e-3, weight_decay=0.05),
    batch_size=32,
    steps=2000,
    checkpoint=Checkpointing(every=2000, best=None),
  )
