"""Emotion: what somebody feels, from voice, words and face, of which any may
be missing and which do not always agree. Generated.

Needs the Debian package espeak-ng and the npm package
emoji-datasource-twitter.
"""

from mmjax.data.datasets.feelings import VIEWS, Feelings
from mmjax.data.datasets.feelings_signals import SIGNALS
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.evaluators.emotions import Emotions
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import Flatten, MeanPool
from mmjax.layers.spectrogram import LogMel
from mmjax.layers.words import WordEmbedding
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  data = Feelings()
  emotions = len(data.classes['label'])
  small = {'width': 64, 'heads': 4, 'mlp_ratio': 2.0}
  pools = {'audio': MeanPool(), 'text': MeanPool(), 'image': Flatten()}
  return Config(
    data=data,
    model=Fused(
      encoders={
        # Fine enough to see the harmonics of a voice move: prosody is there,
        # the words are told by the text.
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(n_fft=1024, hop=400, fmin=60.0, fmax=2000.0),
          patch_size=(4, 64),
          depth=2,
          dropout=0.1,
          **small,
        ),
        'text': TextTransformer(
          embed=WordEmbedding(words=data.words.vocabulary),
          depth=1,
          dropout=0.2,
          **small,
        ),
        'image': ConvolutionalEncoder(
          widths=(32, 64), patch_size=4, color_bins=4, dropout=0.1
        ),
      },
      fusion=Concat(pools=pools, width=96, dropout=0.2),
      heads={'label': Head(classes=emotions)},
      # Each signal is asked alone too, or the fusion leans on the easiest.
      modality_heads={
        name: {f'label_{name}': Head(classes=emotions, pool=pools[name])}
        for name in SIGNALS
      },
    ),
    objectives={
      'feel': Classification(label_smoothing=0.1),
      **{
        f'feel_{name}': Classification(
          head=f'label_{name}', needs=(name,), weight=0.5, label_smoothing=0.1
        )
        for name in SIGNALS
      },
    },
    evaluators={
      'accuracy': Accuracy(modalities=SIGNALS),
      'emotion': Emotions(tokenizer=data.words, views=VIEWS),
    },
    drop_modalities={'audio': 0.1, 'text': 0.15, 'image': 0.15},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=64,
    steps=600,
    checkpoint=Checkpointing(every=600, best=None),
  )
