"""Passages: questions on a passage about Debian packages, answered from it."""

from mmjax.data.datasets.passages import AnswerTokenizer, Passages
from mmjax.decoders import Greedy, Pointer, TextDecoder, Write
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.generation import Generation
from mmjax.evaluators.text_scores import answers
from mmjax.fusion.only import Only
from mmjax.layers import (
  ByteEmbedding,
  LearnedPositions,
  MatchEmbedding,
  Rotary,
  Style,
)
from mmjax.models.copying import Copying
from mmjax.objectives.next_token import NextToken
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

END = 2


def get_config() -> Config:
  # To tune something, hold the validation split out: --data.train-on train.
  data = Passages(train_on='train_and_validation')
  small = {
    'width': 128,
    'heads': 4,
    'mlp_ratio': 3.0,
    'style': Style(rotary=Rotary()),
  }
  embed = ByteEmbedding(vocabulary=data.vocabulary)
  write = Greedy(length=data.answer_length - 1, stop=(END,))
  return Config(
    data=data,
    # The question stands above the passage; the answer is copied from it.
    model=Copying(
      encoders={
        'document': TextTransformer(
          depth=2, embed=MatchEmbedding(embed=embed, end=END), **small
        )
      },
      fusion=Only(modality='document'),
      decoder=TextDecoder(
        depth=2,
        embed=embed,
        positions=LearnedPositions(length=data.answer_length),
        **small,
      ),
      pointer=Pointer(width=64),
    ),
    objectives={'answer': NextToken()},
    evaluators={
      'answer': Generation(
        decode=Write(decoding=write),
        scores=(answers,),
        by='kind',
        tokenizer=AnswerTokenizer(passages=data),
        name='answer',
      )
    },
    optimizer=AdamW(peak_lr=3e-3, weight_decay=0.05),
    batch_size=32,
    steps=900,
    checkpoint=Checkpointing(every=900, best=None),
  )
