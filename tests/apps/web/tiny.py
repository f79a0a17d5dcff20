"""A tiny model of pictures, words and sounds, and a page for it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from mmjax.data.sources import Records
from mmjax.data.sources.record import Record
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import MeanPool
from mmjax.layers.spectrogram import LogMel
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


class Checkpoint:
  """What the page needs of a checkpoint."""

  modalities = embeds = MODALITIES
  writes = True

  def __init__(self):
    self.labels = {'label': NAMES}
    self.keys = {name: name for name in MODALITIES}
    self.kinds = self.prompts = {}

  @functools.cached_property
  def model(self):
    return model()

  @functools.cached_property
  def records(self):
    return records()

  def batch(self, inputs):
    rows = [
      self.records.prepare({'record': Record('', one, ''), 'label': -1}, None)
      for one in inputs
    ]
    return jax.tree.map(lambda *x: jnp.stack(x), *rows)

  def write(self, inputs, *, language):
    assert language is None
    return [f'{sorted(one)} <i>' for one in inputs]

  @functools.cached_property
  def variables(self):
    batch = self.batch([{}])
    shapes = jax.eval_shape(lambda: self.model.init(jax.random.key(0), batch))
    rng = np.random.default_rng(0)
    return jax.tree.map(
      lambda x: jnp.asarray(rng.normal(size=x.shape) / 3, x.dtype), shapes
    )
