"""Stamps: answers to questions about what is seen and heard."""

from typing import Any

from mmjax.data.datasets.stamps import Stamps
from mmjax.data.datasets.stamps_items import Questions
from mmjax.data.datasets.stamps_tasks import StampsTasks, StampsTokenizer
from mmjax.data.transforms import (
  ColorJitter,
  RandomAffine,
  RandomResizedCrop,
)
from mmjax.decoders import Greedy, TextDecoder, Write
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.generation import Generation
from mmjax.evaluators.text_scores import answers
from mmjax.fusion.single_stream import SingleStream
from mmjax.layers.embed import ByteEmbedding, LearnedPositions
from mmjax.layers.spectrogram import LogMel
from mmjax.models.generative import Generative
from mmjax.objectives.next_token import NextToken
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

END = 2
IMAGE_SIZE = 64
LENGTH, VOCABULARY = 64, 1000


def get_config() -> Config:
  data = StampsTasks(
    task=Questions(),
    # To tune something, hold the validation split out:
    # --data.stamps.train-on train.
    stamps=Stamps(
      train_on='train_and_validation',
      image_size=IMAGE_SIZE,
      audio_seconds=2.5,
      # No picture is flipped: letters are among them.
      augment=(
        RandomResizedCrop(size=IMAGE_SIZE, scale=(0.6, 1.0), ratio=(0.8, 1.25)),
        RandomAffine(rotate=10.0, shift=0.05, fill=255),
        ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),
      ),
    ),
    vocabulary=VOCABULARY,
    source_length=16,
    text_length=LENGTH,
    training_length=24,
  )
  small: dict[str, Any] = {
    'width': 128, 'heads': 4, 'mlp_ratio': 2.0, 'dropout': 0.1
  }  # fmt: skip
  pieces = ByteEmbedding(vocabulary=VOCABULARY)
  decode = Write(decoding=Greedy(length=LENGTH - 1, stop=(END,)))
  return Config(
    data=data,
    model=Generative(
      encoders={
        'image': ConvolutionalEncoder(
          patch_size=8, widths=(64, 128), color_bins=4, dropout=0.2
        ),
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(hop=320), patch_size=(4, 64), depth=2, **small
        ),
        'source': TextTransformer(depth=1, embed=pieces, **small),
      },
      fusion=SingleStream(
        modalities=('source', 'image', 'audio'), depth=1, **small
      ),
      decoder=TextDecoder(
        depth=2,
        embed=pieces,
        positions=LearnedPositions(length=LENGTH),
        **small,
      ),
    ),
    objectives={'answer': NextToken(label_smoothing=0.05)},
    evaluators={
      name: Generation(
        decode=decode,
        scores=(answers,),
        by='kind',
        tokenizer=StampsTokenizer(tasks=data),
        name=name,
        view=view,
      )
      # The data is small: beside it stands what the model knows by heart.
      for name, view in {'answer': 'default', 'answer_seen': 'seen'}.items()
    },
    optimizer=AdamW(peak_lr=2.5e-3, weight_decay=0.05),
    batch_size=32,
    steps=800,
    checkpoint=Checkpointing(every=800, best=None),
  )
