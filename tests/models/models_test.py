import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import Flatten, LastToken, MeanPool
from mmjax.models.aligned import Aligned, Alignment
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.types import Tokens

SMALL = {'width': 8, 'depth': 1, 'heads': 2}
ENCODERS = {
  'image': ViT(patch_size=4, **SMALL),
  'text': TextTransformer(**SMALL),
}
POOLS = {'image': MeanPool(), 'text': LastToken()}


def _batch(rng, b=4):
  here = np.arange(b) != 1
  words = np.arange(5)[None] < np.arange(b)[:, None] * 2 - 1
  return {
    'image': jnp.asarray(rng.random((b, 8, 8, 3)), jnp.float32),
    'text': jnp.asarray(rng.integers(4, 260, (b, 5)), jnp.int32),
    'mask': {'image': jnp.asarray(here), 'text': jnp.asarray(words)},
    'weight': jnp.ones(b),
  }


def test_embeddings_are_unit_vectors_and_absent_ones_zero(rng, random_params):
  model = Aligned(encoders=ENCODERS, alignment=Alignment(pools=POOLS, width=6))
  batch = _batch(rng)
  params = random_params(model, batch)
  outputs = jax.jit(model.apply)({'params': params}, batch)
  for name, mask in batch['mask'].items():
    norms = np.linalg.norm(outputs['embeddings'][name], axis=1)
    present = np.asarray(mask).reshape(4, -1).any(axis=1)
    np.testing.assert_allclose(norms, present, atol=1e-6)


def test_absent_examples_give_no_nan_gradient(rng, random_params):
  model = Aligned(encoders=ENCODERS, alignment=Alignment(pools=POOLS, width=6))
  batch = _batch(rng)
  batch['mask'] = jax.tree.map(jnp.zeros_like, batch['mask'])
  params = random_params(model, batch)

  @jax.jit
  @jax.grad
  def gradient(params):
    return sum(
      x.sum()
      for x in model.apply({'params': params}, batch)['embeddings'].values()
    )

  leaves = jax.tree.leaves(gradient(params))
  assert all((np.asarray(leaf) == 0).all() for leaf in leaves)


def test_the_scale_starts_as_given_and_never_exceeds_100(rng):
  model = Alignment(pools={}, width=4, scale=10.0, bias=-10.0)
  variables = model.init(jax.random.key(0), {})
  shared = model.apply(variables, {})['shared']
  np.testing.assert_allclose(shared['logit_scale'], 10, rtol=1e-6)
  np.testing.assert_allclose(shared['logit_bias'], -10)
  params = {**variables['params'], 'log_scale': jnp.asarray(9.0)}
  shared = model.apply({'params': params}, {})['shared']
  np.testing.assert_allclose(shared['logit_scale'], 100, rtol=1e-6)


def test_each_modality_may_have_a_scale_of_its_own(rng):
  model = Alignment(
    pools={'image': MeanPool(), 'text': MeanPool()}, width=4, own_scales=True
  )
  mask = jnp.ones((1, 2), bool)
  x = Tokens(jnp.asarray(rng.normal(size=(1, 2, 3)), jnp.float32), mask)
  tokens = {'image': x, 'text': x}
  params = model.init(jax.random.key(0), tokens)['params']
  assert 'log_scale' not in params
  params |= {'image_log_scale': jnp.log(4.0), 'text_log_scale': jnp.log(9.0)}
  shared = model.apply({'params': params}, tokens)['shared']
  own = shared['logit_scales']
  np.testing.assert_allclose([own['image'], own['text']], [4, 9], rtol=1e-6)
  np.testing.assert_allclose(shared['logit_scale'], 6, rtol=1e-6)


def _fused(**more):
  return Fused(
    encoders=ENCODERS,
    fusion=Concat(pools=POOLS, width=8),
    heads={'label': Head(classes=3)},
    modality_heads={'text': {'language': Head(classes=2, pool=MeanPool())}},
    **more,
  )


def test_fused_model_answers_through_every_head(rng, random_params):
  model = _fused(alignment=Alignment(pools=POOLS, width=6))
  batch = _batch(rng)
  params = random_params(model, batch)
  apply = jax.jit(lambda batch: model.apply({'params': params}, batch))
  outputs = apply(batch)
  assert outputs['logits']['label'].shape == (4, 3)
  assert outputs['embeddings']['image'].shape == (4, 6)
  # The text's own head knows nothing of the picture; the fused head does.
  changed = apply({**batch, 'image': 1 - batch['image']})
  np.testing.assert_array_equal(
    changed['logits']['language'], outputs['logits']['language']
  )
  moved = np.abs(changed['logits']['label'] - outputs['logits']['label'])
  np.testing.assert_array_equal(
    moved.max(axis=1) > 1e-5, batch['mask']['image']
  )


def test_what_does_not_fit_is_named(rng):
  with pytest.raises(ValueError, match="two heads are named 'label'"):
    Fused(
      encoders=ENCODERS,
      fusion=Concat(pools=POOLS),
      heads={'label': Head(classes=3)},
      modality_heads={'text': {'label': Head(classes=3)}},
    )
  batch = _batch(rng)
  del batch['text']
  with pytest.raises(ValueError, match="has an encoder for 'text', the batch"):
    _fused().init(jax.random.key(0), batch)


def _voting(voters):
  return Fused(
    encoders=ENCODERS,
    fusion=Concat(pools=POOLS, width=8),
    heads={'label': Head(classes=3)},
    modality_heads={'text': {'by_text': Head(classes=3, pool=MeanPool())}},
    votes={'answer': voters},
  )


def test_heads_vote_where_they_have_something_to_go_by(rng, random_params):
  model = _voting(('label', 'by_text'))
  batch = _batch(rng)
  params = random_params(model, batch)
  logits = jax.jit(model.apply)({'params': params}, batch)['logits']
  fused, text = (jax.nn.log_softmax(logits[n]) for n in ('label', 'by_text'))
  here = np.asarray(batch['mask']['text']).any(axis=1)
  assert 0 < here.sum() < len(here)
  want = np.where(here[:, None], (fused + text) / 2, fused)
  np.testing.assert_allclose(logits['answer'], want, atol=1e-6)
  with pytest.raises(ValueError, match="votes 'answer' averages"):
    _voting(('label', 'nobody'))


def test_flatten_keeps_places_apart_and_hides_what_is_masked():
  x = jnp.arange(8.0).reshape(1, 4, 2).at[0, 3].set(jnp.nan)
  mask = jnp.array([[True, False, True, False]])
  got = Flatten().apply({}, Tokens(x, mask))
  np.testing.assert_array_equal(got, [[0, 1, 0, 0, 4, 5, 0, 0]])
