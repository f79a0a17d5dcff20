"""Packages: what a Debian package is, in one line, from its description."""

from mmjax.data.datasets.packages import LineTokenizer, Packages
from mmjax.decoders import Greedy, Pointer, TextDecoder, Write
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.generation import Generation
from mmjax.evaluators.text_scores import rouge
from mmjax.fusion.only import Only
from mmjax.layers import ByteEmbedding, LearnedPositions, Rotary, Style
from mmjax.models.copying import Copying
from mmjax.objectives.next_token import NextToken
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

END = 2


def get_config() -> Config:
  # To tune something, hold the validation split out: --data.train-on train.
  data = Packages(
    vocabulary=4096,
    length=64,
    line_length=20,
    train_on='train_and_validation',
  )
  small = {
    'width': 128,
    'heads': 4,
    'mlp_ratio': 3.0,
    'embed': ByteEmbedding(vocabulary=data.vocabulary),
    'style': Style(rotary=Rotary()),
  }
  write = Greedy(length=data.line_length - 1, stop=(END,))
  return Config(
    data=data,
    # Most words of a line stand in the description: they are copied.
    model=Copying(
      encoders={'document': TextTransformer(depth=1, **small)},
      fusion=Only(modality='document'),
      decoder=TextDecoder(
        depth=2, positions=LearnedPositions(length=data.line_length), **small
      ),
      pointer=Pointer(width=64),
    ),
    objectives={'write': NextToken()},
    evaluators={
      # Half of the test split shares paragraphs with the training split.
      name: Generation(
        decode=Write(decoding=write),
        scores=(rouge,),
        tokenizer=LineTokenizer(packages=data),
        name=name,
        view=view,
      )
      for name, view in {'line': 'default', 'line_unseen': 'unseen'}.items()
    },
    optimizer=AdamW(peak_lr=3e-3, weight_decay=0.05),
    batch_size=32,
    steps=1000,
    checkpoint=Checkpointing(every=1000, best=None),
  )
