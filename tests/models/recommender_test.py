"""The two towers: what an item is does not depend on who has seen it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.bag import BagOfVectors
from mmjax.encoders.image import ViT
from mmjax.encoders.recurrent import Recurrent
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import MeanPool
from mmjax.layers.words import WordEmbedding
from mmjax.models.recommender import Recommender

B, N = 3, 4
MODEL = Recommender(
  encoders={
    'image': ViT(patch_size=4, width=8, depth=1, heads=2),
    'text': BagOfVectors(width=8, embed=WordEmbedding(words=20)),
  },
  fusion=Concat(
    pools={'image': MeanPool(), 'text': MeanPool()}, width=16, mlp_ratio=1.0
  ),
  user=Recurrent(cell='gru', hidden=12, width=12),
  width=6,
)
RUN = jax.jit(lambda params, batch: MODEL.apply({'params': params}, batch))


@pytest.fixture
def batch(rng):
  real = jnp.asarray(np.arange(N)[None] < np.array([4, 2, 3])[:, None])
  text = jnp.asarray(rng.random((B, N, 5)) < 0.6) & real[..., None]
  return {
    'image': jnp.asarray(rng.random((B, N, 8, 8, 3)), jnp.float32),
    'text': jnp.asarray(rng.integers(20, size=(B, N, 5))),
    'mask': {'item': real, 'image': real, 'text': text},
  }


@pytest.fixture
def params(random_params, batch):
  return random_params(MODEL, batch)


def test_embeddings_have_length_one_where_there_is_an_item(batch, params):
  found = RUN(params, batch)['embeddings']
  real = np.asarray(batch['mask']['item'])
  for x in found.values():
    assert x.shape == (B, N, 6)
    np.testing.assert_allclose(np.linalg.norm(x, axis=-1), real, atol=1e-5)


def test_nobody_knows_what_comes_next(batch, params):
  before = RUN(params, batch)['embeddings']
  other = {**batch, 'image': batch['image'].at[:, 2].set(0.9)}
  after = RUN(params, other)['embeddings']
  for name in before:
    np.testing.assert_allclose(before[name][:, :2], after[name][:, :2])
  assert np.abs(before['user'][0, 2:] - after['user'][0, 2:]).max() > 1e-3
  np.testing.assert_allclose(
    before['item'][:, 3], after['item'][:, 3], atol=1e-6
  )


def test_an_item_is_the_same_for_all_and_everywhere(batch, params):
  moved = jax.tree.map(lambda x: x[::-1], batch)
  moved = jax.tree.map(lambda x: jnp.roll(x, 1, axis=1), moved)
  one = RUN(params, batch)['embeddings']
  two = RUN(params, moved)['embeddings']
  back = jnp.roll(two['item'], -1, axis=1)[::-1]
  np.testing.assert_allclose(one['item'], back, atol=1e-5)
  # The order makes the user.
  assert np.abs(one['user'][0] - two['user'][2]).max() > 1e-3


def test_what_is_masked_changes_neither_result_nor_gradient(batch, params):
  real = batch['mask']['item']

  def total(params, batch):
    outputs: Any = MODEL.apply({'params': params}, batch)
    found = outputs['embeddings']
    return sum((x * jnp.arange(6.0)[None, None]).sum() for x in found.values())

  run = jax.jit(jax.value_and_grad(total))
  want, slope = run(params, batch)
  for value in (0.0, 1e4, np.nan):
    image = jnp.where(real[..., None, None, None], batch['image'], value)
    # The places beyond the end count as masked, whatever their own mask says.
    mask = {**batch['mask'], 'image': jnp.ones_like(real)}
    result, found = run(params, {**batch, 'image': image, 'mask': mask})
    np.testing.assert_allclose(result, want, rtol=1e-5)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5),
      found,
      slope,
    )


def test_the_scale_has_a_limit(batch, params):
  scale = RUN({**params, 'log_scale': jnp.float32(9.0)}, batch)['shared']
  np.testing.assert_allclose(scale['logit_scale'], 100.0, rtol=1e-6)


def test_a_modality_that_the_batch_lacks_is_named(batch):
  without = {k: x for k, x in batch.items() if k != 'text'}
  with pytest.raises(ValueError, match="encoder for 'text'"):
    jax.eval_shape(MODEL.init, jax.random.key(0), without)
