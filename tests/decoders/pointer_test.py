"""What is copied, next to a plain computation of it."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from mmjax.decoders import BeamSearch, Greedy, Pointer, Source, TextDecoder
from mmjax.decoders.generate import make_generate
from mmjax.encoders.text import TextTransformer
from mmjax.fusion import Only
from mmjax.layers import ByteEmbedding, LearnedPositions
from mmjax.models import Copying
from mmjax.types import Tokens
from tests.encoders.cases import make_variables

IDS = np.array([[3, 5, 3, 0], [6, 0, 0, 0], [0, 0, 0, 0]])
REAL = IDS > 0
TEXT = np.array([[1, 5, 2, 0], [1, 6, 6, 2], [1, 4, 2, 0]])
SMALL = {
  'width': 8,
  'depth': 1,
  'heads': 2,
  'mlp_ratio': 1.0,
  'embed': ByteEmbedding(vocabulary=9),
}
MODEL = Copying(
  encoders={
    'document': TextTransformer(positions=LearnedPositions(length=4), **SMALL)
  },
  fusion=Only(modality='document'),
  decoder=TextDecoder(positions=LearnedPositions(length=16), **SMALL),
  pointer=Pointer(width=4),
)


@functools.cache
def _pointer():
  """Log-probabilities and the gradients of their sum where it is real."""
  rng = np.random.default_rng(0)
  x, logits, read = (
    rng.normal(size=shape).astype(np.float32)
    for shape in ((3, 2, 8), (3, 2, 9), (3, 4, 8))
  )
  pointer = Pointer(width=4)
  source = Source(
    jnp.asarray(IDS), Tokens(jnp.asarray(read), jnp.asarray(REAL))
  )
  given = x, logits, source
  shapes = jax.eval_shape(pointer.init, jax.random.key(0), *given)
  params = jax.tree.map(
    lambda s: rng.normal(size=s.shape).astype(np.float32), shapes['params']
  )

  def loss(params, x, logits, read, ids, real):
    log_p: Any = pointer.apply(
      {'params': params}, x, logits, Source(ids, Tokens(read, real))
    )
    return (log_p**2).sum(), log_p

  run = jax.jit(jax.value_and_grad(loss, (0, 1, 2, 3), has_aux=True))
  return run, params, x, logits, read


def test_it_mixes_copies_with_the_vocabulary():
  run, params, x, logits, read = _pointer()
  got = np.asarray(run(params, x, logits, read, IDS, REAL)[0][1])
  query = x @ params['query']['kernel'] + params['query']['bias']
  for b, n in ((0, 3), (1, 1), (2, 0)):
    keys = read[b, :n] @ params['key']['kernel'] + params['key']['bias']
    keys[1:] += read[b, : max(n - 1, 0)] @ params['before']['kernel']
    for t in range(2):
      # 4 ** -0.5 is a half.
      scores = [query[b, t] @ params['sentinel'] / 2 + np.log(max(n, 1))]
      scores += [query[b, t] @ key / 2 for key in keys]
      own, *copies = scipy.special.softmax(scores)
      want = own * scipy.special.softmax(logits[b, t])
      np.add.at(want, IDS[b, :n], copies)
      np.testing.assert_allclose(np.exp(got[b, t]), want, rtol=1e-4)
      assert want.sum() == pytest.approx(1)


def test_what_is_masked_is_not_copied():
  run, params, x, logits, read = _pointer()
  zeroed = np.where(REAL[..., None], read, 0)
  want = run(params, x, logits, zeroed, IDS, REAL)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(want))
  for poison, token in ((1e4, 7), (np.nan, 10**6)):
    other = np.where(REAL[..., None], read, np.float32(poison))
    ids = np.where(REAL, IDS, token)
    got = run(params, x, logits, other, ids, REAL)
    jax.tree.map(np.testing.assert_array_equal, got, want)


def test_small_probabilities_do_not_vanish():
  """Nor do they take the gradient with them."""
  run, params, x, logits, read = _pointer()
  (_, log_p), gradient = run(params, x, 300 * logits, read, IDS, REAL)
  assert np.asarray(log_p).min() < -200
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


@pytest.fixture(scope='module')
def model():
  batch = {
    'document': jnp.asarray(IDS),
    'text': jnp.asarray(TEXT),
    'mask': {'document': jnp.asarray(REAL), 'text': jnp.asarray(TEXT > 0)},
  }
  return make_variables(MODEL, batch), batch


def _text_of(found):
  """What was found behind the first token, as a batch's text."""
  first = jnp.ones((len(IDS), 1), jnp.int32)
  text = jnp.concatenate([first, found.tokens], axis=1)
  return text, jnp.pad(found.mask, ((0, 0), (1, 0)), constant_values=True)


@pytest.mark.parametrize(
  'decoding',
  [
    pytest.param(Greedy(length=5), id='greedy', marks=pytest.mark.slow),
    pytest.param(BeamSearch(beams=2, length=5), id='beams'),
  ],
)
def test_while_decoding_it_says_what_it_says_of_the_whole(model, decoding):
  variables, batch = model
  prompt = jnp.ones((3, 1), jnp.int32)
  found = make_generate(MODEL, decoding)(
    variables, prompt, prompt > 0, batch=batch
  )
  text, mask = _text_of(found)
  whole = {**batch, 'text': text, 'mask': {**batch['mask'], 'text': mask}}
  log_p = jax.jit(MODEL.apply)(variables, whole)['logits']['logits']
  told = jnp.take_along_axis(log_p[:, :-1], text[:, 1:, None], axis=-1)
  np.testing.assert_allclose(found.log_p, told[..., 0], atol=1e-5)


def test_the_source_must_be_there():
  with pytest.raises(ValueError, match="source 'passage' is none of"):
    Copying(**{**_fields(), 'source': 'passage'})
  given = jnp.ones((1, 2, 8)), jnp.ones((1, 2, 9))
  with pytest.raises(ValueError, match='needs a source to copy from'):
    Pointer().init(jax.random.key(0), *given)


def _fields():
  names = ('encoders', 'fusion', 'decoder', 'pointer')
  return {name: getattr(MODEL, name) for name in names}
