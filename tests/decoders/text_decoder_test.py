"""The decoder hears what is real, and nothing else."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.decoders import TextDecoder
from mmjax.fusion.only import Only
from mmjax.layers import (
  ByteEmbedding,
  NgramEmbedding,
  NoPositions,
  Rotary,
  Style,
)
from mmjax.models import Generative
from mmjax.types import Tokens
from tests.encoders.cases import make_variables

SMALL = {'width': 8, 'depth': 2, 'heads': 2, 'mlp_ratio': 1.0}
DECODERS = {
  'cross': TextDecoder(scan=True, remat='full', **SMALL),
  'prefix': TextDecoder(
    listen='prefix',
    style=Style(
      norm=nn.RMSNorm(), kv_heads=1, rotary=Rotary(), gated=True, biases=()
    ),
    positions=NoPositions(),
    **SMALL,
  ),
}
TEXT = np.array([[5, 6, 7, 8], [5, 9, 0, 0], [0, 0, 0, 0], [7, 7, 9, 0]])
WRITTEN = np.array([4, 2, 0, 3])[:, None] > np.arange(4)[None]
# The second has no context at all, the third a hole in it.
HEARD = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 1], [1, 1, 0]]) > 0


class Nothing(nn.Module):
  """Takes features as they are, as an encoder does."""

  def __call__(self, x, mask, *, train=False):
    return Tokens(x, mask)


@functools.cache
def _case(name):
  """Logits and the gradients of them, in one program."""
  model = Generative(
    encoders={'sensor': Nothing()},
    fusion=Only(modality='sensor'),
    decoder=DECODERS[name],
  )

  def loss(params, x, text, heard, written):
    batch = {
      'sensor': x,
      'text': text,
      'mask': {'sensor': heard, 'text': written},
    }
    logits = model.apply({'params': params}, batch)['logits']['logits']
    logits = jnp.where(written[..., None], logits, 0.0)
    return (logits**2).sum(), logits

  rng = np.random.default_rng(0)
  x = rng.normal(size=(4, 3, 6)).astype(np.float32)
  batch = {
    'sensor': jnp.asarray(x),
    'text': jnp.asarray(TEXT),
    'mask': {'sensor': jnp.asarray(HEARD), 'text': jnp.asarray(WRITTEN)},
  }
  params = make_variables(model, batch)['params']
  run = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))
  return lambda *given: run(params, *map(jnp.asarray, given)), x


def _want(name):
  run, x = _case(name)
  return run(np.where(HEARD[..., None], x, 0), TEXT, HEARD, WRITTEN)


@pytest.mark.parametrize('name', DECODERS)
def test_what_is_masked_changes_neither_logits_nor_gradients(name):
  run, x = _case(name)
  want = _want(name)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(want))
  for poison, token in ((1e4, 7), (np.nan, 10**6)):
    got = run(
      np.where(HEARD[..., None], x, poison).astype(np.float32),
      np.where(WRITTEN, TEXT, token),
      HEARD,
      WRITTEN,
    )
    jax.tree.map(np.testing.assert_array_equal, got, want)


@pytest.mark.parametrize('name', DECODERS)
def test_an_example_reads_the_same_wherever_its_tokens_stand(name):
  """Without the gaps, in another order, and beside others."""
  run, x = _case(name)
  want = np.asarray(_want(name)[0][1])
  order = np.array([2, 3, 0, 1])
  gaps = np.argsort(~HEARD, axis=1, kind='stable')
  packed = np.take_along_axis(x, gaps[..., None], axis=1)
  heard = np.take_along_axis(HEARD, gaps, axis=1)
  got = run(packed[order], TEXT[order], heard[order], WRITTEN[order])[0][1]
  np.testing.assert_allclose(got, want[order], atol=2e-6)
  # A context more real than theirs changes what is said.
  other = run(x, TEXT, np.ones_like(HEARD), WRITTEN)[0][1]
  assert np.abs(np.asarray(other)[1] - want[1]).max() > 1e-3


@pytest.mark.parametrize('name', DECODERS)
def test_no_token_sees_those_behind_it(name):
  run, x = _case(name)
  want = np.asarray(_want(name)[0][1])
  text = TEXT.copy()
  text[0, 2] = 99
  x = np.where(HEARD[..., None], x, 0).astype(np.float32)
  got = np.asarray(run(x, text, HEARD, WRITTEN)[0][1])
  np.testing.assert_array_equal(got[0, :2], want[0, :2])
  assert np.abs(got[0, 2:] - want[0, 2:]).max(axis=1).min() > 1e-4


def test_a_decoder_needs_a_context_and_ids_that_stand_alone():
  given = jnp.asarray(TEXT), jnp.asarray(WRITTEN)
  for listen, words in (('cross', 'listen to'), ('prefix', 'as prefix')):
    decoder = TextDecoder(listen=listen, **SMALL)
    with pytest.raises(ValueError, match=f'needs a context to .*{words}'):
      decoder.init(jax.random.key(0), *given)
  decoder = TextDecoder(embed=NgramEmbedding(), **SMALL)
  with pytest.raises(ValueError, match='NgramEmbedding looks at other tokens'):
    decoder.init(jax.random.key(0), *given)
  with pytest.raises(ValueError, match=r'heads 3'):
    TextDecoder(width=8, heads=3)


def test_what_is_written_is_not_read():
  with pytest.raises(ValueError, match="'text' has an encoder"):
    Generative(
      encoders={'text': Nothing()},
      fusion=Only(modality='text'),
      decoder=TextDecoder(embed=ByteEmbedding(vocabulary=9)),
    )
