"""Packages: what a Debian package is, in one line, from its description."""

from mmjax.data.datasets.packages import LineTokenizer, Packages
from mmjax.decoders import Greedy, TextDecoder, Write
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.generation import Generation
from mmjax.evaluators.text_scores import rouge
from mmjax.fusion.only import Only
from mmjax.layers.embed import ByteEmbedding, LearnedPositions
from mmjax.models.generative import Generative
from mmjax.objectives.next_token import NextToken
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW

END = 2


def get_config() -> Config:
  # To tune something, hold the validation split out: --data.train-on train.
  data = Packages(train_on='train_and_validation')
  small = {'width': 192, 'heads': 4, 'mlp_ratio': 3.0, 'dropout': 0.1}
  words = ByteEmbedding(vocabulary=data.vocabulary)
  write = Greedy(length=data.line_length - 1, stop=(END,))
  return Config(
    data=data,
    model=Generative(
      encoders={'document': TextTransformer(depth=2, embed=words, **small)},
      fusion=Only(modality='document'),
      decoder=TextDecoder(
        depth=2,
        embed=words,
        positions=LearnedPositions(length=data.line_length),
        **small,
      ),
    ),
    objectives={'write': NextToken(label_smoothing=0.1)},
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
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=64,
    steps=2000,
    checkpoint=Checkpointing(every=500),
  )
