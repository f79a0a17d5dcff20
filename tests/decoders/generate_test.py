"""With a cache a model says what it says of the whole text at once."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.decoders import (
  BeamSearch,
  Sample,
  TextDecoder,
  make_generate,
  make_stream,
)
from mmjax.encoders import TextTransformer
from mmjax.fusion import Only
from mmjax.layers import (
  ByteEmbedding,
  LearnedPositions,
  NoPositions,
  Rotary,
  Style,
)
from mmjax.models import Generative, LanguageModel
from tests.decoders.text_decoder_test import Nothing
from tests.encoders.cases import make_variables

SMALL = {'width': 8, 'depth': 2, 'heads': 2, 'mlp_ratio': 1.0}
WORDS = {'embed': ByteEmbedding(vocabulary=20)}
LLAMA = Style(
  norm=nn.RMSNorm(),
  gated=True,
  biases=(),
  kv_heads=1,
  rotary=Rotary(),
  window=4,
)


def _listening(**fields):
  return Generative(
    encoders={'sensor': Nothing()},
    fusion=Only(modality='sensor'),
    decoder=TextDecoder(**SMALL, **WORDS, **fields),
  )


MODELS = {
  'cross': _listening(scan=True, positions=LearnedPositions(length=16)),
  'prefix': _listening(listen='prefix', style=LLAMA, positions=NoPositions()),
  'gpt2': LanguageModel(
    encoders={
      'text': TextTransformer(
        causal=True, positions=LearnedPositions(length=16), **SMALL, **WORDS
      )
    }
  ),
  'llama': LanguageModel(
    encoders={
      'text': TextTransformer(
        causal=True,
        scan=True,
        style=LLAMA,
        positions=NoPositions(),
        **SMALL,
        **WORDS,
      )
    },
    head=nn.Dense(20, use_bias=False),
  ),
}
TEXT = np.array([[5, 6, 7], [9, 0, 0], [4, 8, 0], [3, 0, 0]])
MASK = TEXT > 0
HEARD = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 1], [1, 1, 0]]) > 0
LENGTH = 6


@functools.cache
def _case(name):
  model = MODELS[name]
  batch = {'text': jnp.asarray(TEXT), 'mask': {'text': jnp.asarray(MASK)}}
  if isinstance(model, Generative):
    x = np.random.default_rng(0).normal(size=(4, 3, 5))
    batch['sensor'] = jnp.asarray(x, jnp.float32)
    batch['mask']['sensor'] = jnp.asarray(HEARD)
  whole = jnp.zeros((4, 3 + LENGTH), jnp.int32)
  full = {**batch, 'text': whole, 'mask': {**batch['mask'], 'text': whole == 0}}
  params = make_variables(model, full)['params']
  return model, {'params': params}, batch


def _heard(model, batch):
  if not isinstance(model, Generative):
    return {}
  mask = {'sensor': batch['mask']['sensor']}
  return {'batch': {'sensor': batch['sensor'], 'mask': mask}}


@pytest.mark.parametrize('name', MODELS)
def test_log_probabilities_are_those_of_the_whole_text(name):
  model, variables, batch = _case(name)
  run = make_generate(model, Sample(length=LENGTH, stop=(2,)))
  more = {
    **_heard(model, batch),
    'keys': jax.random.split(jax.random.key(0), 4),
  }
  found = run(variables, batch['text'], batch['mask']['text'], **more)
  counts = MASK.sum(axis=1)
  text = np.zeros((4, 3 + LENGTH), np.int32)
  for row, count in enumerate(counts):
    text[row, :count] = TEXT[row, :count]
    text[row, count : count + LENGTH] = found.tokens[row]
  mask = np.arange(3 + LENGTH)[None] < counts[:, None] + LENGTH
  full = {
    **batch,
    'text': jnp.asarray(text),
    'mask': {**batch['mask'], 'text': jnp.asarray(mask)},
  }
  logits = jax.jit(model.apply)(variables, full)['logits']['logits']
  log_p = np.asarray(jax.nn.log_softmax(logits))
  kinds = set()
  for row, count in enumerate(counts):
    for i in range(int(np.asarray(found.mask[row]).sum())):
      token = int(found.tokens[row, i])
      want = log_p[row, count + i - 1]
      np.testing.assert_allclose(found.log_p[row, i], want[token], atol=1e-5)
      kinds.add(token)
  assert len(kinds) > 4


def test_a_batch_writes_what_its_examples_write_alone():
  model, variables, batch = _case('cross')
  run = make_generate(model, BeamSearch(beams=2, length=LENGTH, stop=(2,)))
  order = np.array([2, 0, 0, 3])
  found, again = (
    run(variables, one['text'], one['mask']['text'], **_heard(model, one))
    for one in (batch, jax.tree.map(lambda x: x[order], batch))
  )
  np.testing.assert_array_equal(again.tokens, found.tokens[order])
  np.testing.assert_allclose(again.score, found.score[order], atol=1e-5)
  assert len({tuple(row) for row in np.asarray(found.tokens).tolist()}) > 1


@pytest.mark.slow
def test_a_stream_gives_the_same_in_pieces():
  model, variables, batch = _case('prefix')
  way = Sample(length=LENGTH)
  given = variables, batch['text'], batch['mask']['text']
  more = {
    **_heard(model, batch),
    'keys': jax.random.split(jax.random.key(0), 4),
  }
  want = make_generate(model, way)(*given, **more)
  parts = list(make_stream(model, way, chunk=2)(*given, **more))
  assert [part.tokens.shape[1] for part in parts] == [1, 2, 2, 1]
  for name in ('tokens', 'mask', 'log_p'):
    got = np.concatenate([getattr(part, name) for part in parts], axis=1)
    np.testing.assert_allclose(got, getattr(want, name), atol=1e-6)
