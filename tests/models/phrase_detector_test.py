"""Boxes against phrases: by hand, in any order, and whatever is padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.bag import BagOfVectors
from mmjax.encoders.unet import UNet
from mmjax.layers.pooling import FirstToken
from mmjax.layers.words import WordEmbedding
from mmjax.models.phrase_detector import PhraseDetector
from mmjax.objectives.set_prediction import SetPrediction

MODEL = PhraseDetector(
  image=UNet(widths=(8, 16), patch_size=8),
  text=BagOfVectors(width=6, embed=WordEmbedding(words=20)),
  pool=FirstToken(),
  width=5,
)


def _loss(params, batch):
  terms = SetPrediction()(MODEL.apply({'params': params}, batch), batch)
  return sum((term.loss * term.weight).sum() for term in terms.values())


RUN = jax.jit(lambda params, batch: MODEL.apply({'params': params}, batch))
LOSS = jax.jit(jax.value_and_grad(_loss))


@pytest.fixture
def batch(rng):
  """Two examples, of four phrases and of two; the last thing is none."""
  asked = np.arange(4)[None] < np.array([4, 2])[:, None]
  words = rng.integers(4, 20, (2, 4, 3))
  real = asked[..., None] & (np.arange(3) < 2)[None, None]
  return {
    'image': jnp.asarray(rng.random((2, 32, 32, 3)), jnp.float32),
    'text': jnp.asarray(words),
    'things': jnp.array([[3, 1], [0, -1]]),
    'boxes': jnp.tile(jnp.array([0.1, 0.2, 0.5, 0.7]), (2, 2, 1)),
    'weight': jnp.ones(2),
    'mask': {'image': jnp.ones(2, bool), 'text': jnp.asarray(real)},
  }


@pytest.fixture
def params(random_params, batch):
  return random_params(MODEL, batch)


def test_scores_by_hand(batch, params):
  found = RUN(params, batch)
  tokens = np.asarray(found['tokens']['image'].x)
  table = np.asarray(params['text']['embed']['table'])
  phrases = table[np.asarray(batch['text'])[..., :2]].mean(axis=2)

  def unit(x, name):
    x = x @ np.asarray(params[name]['kernel'])
    return x / np.linalg.norm(x, axis=-1, keepdims=True)

  cosine = np.einsum(
    'bnd,bpd->bnp', unit(tokens, 'found'), unit(phrases, 'asked')
  )
  shift = tokens @ np.asarray(params['shift']['kernel'])
  shift += np.asarray(params['shift']['bias'])
  want = np.exp(np.asarray(params['log_scale'])) * cosine + shift
  logits = np.asarray(found['logits']['things'])
  np.testing.assert_allclose(logits[0], want[0], rtol=2e-4, atol=1e-4)
  np.testing.assert_allclose(
    logits[1, :, :2], want[1, :, :2], rtol=2e-4, atol=1e-4
  )
  assert (logits[1, :, 2:] < -1e8).all()


def test_at_first_nothing_is_likely(batch):
  logits = jax.eval_shape(MODEL.init, jax.random.key(0), batch)
  params = jax.tree.map(lambda x: jnp.zeros(x.shape), logits['params'])
  biased = {**params['shift'], 'bias': jnp.full(1, np.log(0.02 / 0.98))}
  found = RUN({**params, 'shift': biased}, batch)['logits']['things']
  np.testing.assert_allclose(jax.nn.sigmoid(found[0]), 0.02, rtol=1e-5)


def test_a_phrase_scores_the_same_beside_others(batch, params):
  want = RUN(params, batch)['logits']['things'][0]
  order = jnp.array([2, 0, 3, 1])
  turned = {
    **batch,
    'text': batch['text'][:, order],
    'mask': {**batch['mask'], 'text': batch['mask']['text'][:, order]},
  }
  found = RUN(params, turned)['logits']['things'][0]
  np.testing.assert_allclose(found, want[:, order], rtol=1e-5, atol=1e-5)
  alone = batch['mask']['text'].at[0, 1:].set(False)
  kept = {**batch, 'mask': {**batch['mask'], 'text': alone}}
  found = RUN(params, kept)['logits']['things'][0]
  np.testing.assert_array_equal(found[:, 0], want[:, 0])
  assert (found[:, 1:] < -1e8).all()


@pytest.mark.slow
def test_padding_changes_neither_loss_nor_gradient(batch, params):
  want = LOSS(params, batch)
  assert np.isfinite(want[0])
  real = batch['mask']['text']
  for other in (0, 7, 10**4):
    changed = {**batch, 'text': jnp.where(real, batch['text'], other)}
    found = LOSS(params, changed)
    jax.tree.map(np.testing.assert_array_equal, found, want)
  # Nor do more phrases that are not asked for.
  more = {
    **batch,
    'text': jnp.pad(batch['text'], ((0, 0), (0, 3), (0, 0))),
    'mask': {**batch['mask'], 'text': jnp.pad(real, ((0, 0), (0, 3), (0, 0)))},
  }
  found = LOSS(params, more)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5),
    found, want,
  )  # fmt: skip
  # What is asked for does.
  there = {**batch, 'text': batch['text'].at[1, 1, 0].add(1)}
  assert abs(float(LOSS(params, there)[0] - want[0])) > 1e-4


@pytest.mark.slow
def test_an_example_without_picture_or_phrases_is_finite(batch, params):
  mask = {
    'image': jnp.array([True, False]),
    'text': batch['mask']['text'].at[0].set(False),
  }
  given = {
    **batch,
    'image': batch['image'].at[1].set(np.nan),
    'things': jnp.array([[-1, -1], [0, -1]]),
    'mask': mask,
  }
  value, slope = LOSS(params, given)
  assert np.isfinite(value)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(slope))
