"""An assistant: dialogues about a picture, speech and noises, typed or spoken.

Everything is learned here from nothing: encoders, projectors and a small
language model. `mmjax chat --checkpoint WORKDIR` talks to it.
"""

from typing import Any

from mmjax.data.datasets.stamps import Stamps
from mmjax.data.datasets.stamps_dialogues import StampsDialogues
from mmjax.data.datasets.stamps_tasks import StampsTokenizer
from mmjax.data.transforms import (
  ColorJitter,
  RandomAffine,
  RandomResizedCrop,
)
from mmjax.decoders import Greedy, Write
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.commonest import Commonest
from mmjax.evaluators.generation import Generation
from mmjax.evaluators.text_scores import answers
from mmjax.layers.bert import NoPositions
from mmjax.layers.embed import ByteEmbedding
from mmjax.layers.rotary import Rotary
from mmjax.layers.spectrogram import LogMel
from mmjax.layers.style import Style
from mmjax.models.assistant import Assistant
from mmjax.models.language import LanguageModel
from mmjax.models.projectors import MlpProjector, Resampler
from mmjax.objectives.next_token import NextToken
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

END = 2
IMAGE_SIZE, WIDTH = 64, 128


def get_config() -> Config:
  data = StampsDialogues(
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
  )
  small: dict[str, Any] = {
    'width': WIDTH, 'heads': 4, 'mlp_ratio': 2.0, 'dropout': 0.1
  }  # fmt: skip
  ids = data.vocabulary + len(data.placeholders)
  common: dict[str, Any] = {
    'decode': Write(decoding=Greedy(length=32, stop=(END,)), only='answer'),
    'scores': (answers,),
    'only': 'answer',
    'by': 'kind',
    'tokenizer': StampsTokenizer(tasks=data),
  }
  return Config(
    data=data,
    model=Assistant(
      encoders={
        'image': ConvolutionalEncoder(
          patch_size=8, widths=(64, WIDTH), color_bins=4, dropout=0.2
        ),
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(hop=320), patch_size=(4, 64), depth=2, **small
        ),
      },
      projectors={
        'image': MlpProjector(width=WIDTH),
        'audio': Resampler(
          width=WIDTH, tokens=data.tokens['audio'], depth=1, dropout=0.1
        ),
      },
      language=LanguageModel(
        encoders={
          'text': TextTransformer(
            depth=3,
            causal=True,
            embed=ByteEmbedding(vocabulary=ids),
            positions=NoPositions(),
            style=Style(rotary=Rotary()),
            **small,
          )
        }
      ),
      placeholders=data.placeholders,
    ),
    objectives={'answer': NextToken(only='answer', label_smoothing=0.05)},
    evaluators={
      'answer': Generation(name='answer', **common),
      'spoken': Generation(name='spoken', view='spoken', **common),
      # The same model, which sees and hears nothing.
      'text_only': Generation(name='text_only', given=('text',), **common),
      'commonest': Commonest(data=data, tokenizer=common['tokenizer']),
      # The data is small: beside it stands what the model knows by heart.
      'seen': Generation(name='seen', view='seen', **common),
    },
    optimizer=AdamW(peak_lr=2.0e-3, weight_decay=0.05),
    batch_size=32,
    steps=1200,
    checkpoint=Checkpointing(every=1200, best=None),
  )
