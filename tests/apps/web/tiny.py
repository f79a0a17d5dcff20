"""A tiny model of pictures, words and sounds, and a page for it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from mmjax.apps.checkpoint import Checkpoint
from mmjax.data.sources import Records
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import MeanPool
from mmjax.layers.spectrogram import LogMel
from mmjax.models.aligned import Alignment
from mmjax.models.fused import Fused
from mmjax.models.heads import Head

MODALITIES = ('image', 'text', 'audio')
NAMES = ('<b>cat</b>', 'dog', 'bird')
SIZE = 16


def model():
  return Fused(
    encoders={
      'image': ConvolutionalEncoder(widths=(8,), groups=2),
      'text': TextTransformer(width=8, depth=0, heads=1),
      'audio': AudioSpectrogramTransformer(
        spectrogram=LogMel(hop=320),
        patch_size=(8, 32),
        width=8,
        depth=1,
        heads=1,
      ),
    },
    fusion=Concat(pools={n: MeanPool() for n in MODALITIES}, width=8),
    heads={'label': Head(classes=len(NAMES))},
    alignment=Alignment(pools={n: MeanPool() for n in MODALITIES}, width=8),
  )


def records():
  return Records(
    root='',
    modalities=MODALITIES,
    labels=NAMES,
    image_size=SIZE,
    text_length=16,
    audio_seconds=0.5,
  )


def checkpoint():
  """The model as the page is given it; what it writes is what it was given."""
  made = Checkpoint(
    name='This model',
    identity='tiny',
    model=model(),
    variables={},
    records=records(),
    keys={name: name for name in MODALITIES},
    labels={'label': NAMES},
    writes=lambda _, inputs, prompt: [
      f'{sorted(one)} <i>{prompt}' for one in inputs
    ],
    batch_size=4,
  )
  batch = made.batch([{}])
  shapes = jax.eval_shape(model().init, jax.random.key(0), batch)
  rng = np.random.default_rng(0)
  variables = jax.tree.map(
    lambda x: jnp.asarray(rng.normal(size=x.shape) / 3, x.dtype), shapes
  )
  return dataclasses.replace(made, variables=variables)
