import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mmjax import masking
from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import MeanPool
from mmjax.models.aligned import Alignment
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives.contrastive import Contrastive, Sigmoid
from mmjax.objectives.supervised import Classification
from mmjax.train.optimizer import AdamW, decayed
from mmjax.train.state import TrainState
from mmjax.train.step import make_train_step

SMALL = {'width': 8, 'depth': 1, 'heads': 2}
POOLS = {'image': MeanPool(), 'text': MeanPool()}
MODEL = Fused(
  encoders={
    'image': ViT(patch_size=4, **SMALL),
    'text': TextTransformer(**SMALL),
  },
  fusion=Concat(pools=POOLS, width=8),
  heads={'label': Head(classes=3)},
  alignment=Alignment(pools=POOLS, width=6, scale=5.0, bias=-2.0),
)
PAIRS = (('image', 'text'),)
OBJECTIVES = {
  'classify': Classification(),
  'align': Contrastive(pairs=PAIRS, same='label', weight=0.3),
  'pair': Sigmoid(pairs=PAIRS, weight=0.1),
}
# Plain descent: the change of the parameters is the gradient.
DESCENT = optax.sgd(1.0)


def _batch(rng, b=16):
  """Weights that differ by device; missing modalities; unknown labels."""
  words = np.arange(5)[None] < rng.integers(0, 6, b)[:, None]
  return {
    'image': jnp.asarray(rng.random((b, 8, 8, 3)), jnp.float32),
    'text': jnp.asarray(rng.integers(4, 260, (b, 5)), jnp.int32),
    'mask': {
      'image': jnp.asarray(rng.random(b) < 0.7),
      'text': jnp.asarray(words),
    },
    'label': jnp.asarray(rng.integers(-1, 3, b), jnp.int32),
    'weight': jnp.asarray(np.repeat([0.0, 1.0, 3.0, 0.5], b // 4), jnp.float32),
    'index': jnp.arange(100, 100 + b),
  }


def _state(params):
  step = jnp.zeros((), jnp.int32)
  return TrainState(step, params, DESCENT.init(params), None, {})


def _drop(batch, keys):
  return masking.drop_modalities(batch, keys, {'image': 0.3, 'text': 0.3})


def _step(axis_name=None, **more):
  return make_train_step(
    MODEL, OBJECTIVES, DESCENT, axis_name=axis_name, augment=[_drop], **more
  )


# Compiling takes most of the time here, so the tests share one program.
STEP = jax.jit(_step())


def _gradient(before, after):
  return jax.tree.map(lambda a, b: np.asarray(a - b), before, after)


@pytest.mark.slow
def test_mapped_over_devices_the_step_is_the_global_one(rng, random_params):
  batch = _batch(rng)
  params = random_params(MODEL, batch)
  key = jax.random.key(3)
  want, want_metrics = STEP(_state(params), batch, key)
  split = jax.tree.map(lambda x: x.reshape(4, 4, *x.shape[1:]), batch)
  got, got_metrics = jax.jit(
    jax.vmap(_step('devices'), in_axes=(None, 0, None), axis_name='devices')
  )(_state(params), split, key)
  for name, ratio in want_metrics.items():
    for device in range(4):
      local = jax.tree.map(lambda x, d=device: x[d], got_metrics[name])
      np.testing.assert_allclose(local.value(), ratio.value(), rtol=2e-5)
  want_gradient = _gradient(params, want.params)
  got_gradient = _gradient(params, jax.tree.map(lambda x: x[0], got.params))

  def close(path, a, b):
    difference = np.linalg.norm(a - b)
    assert difference <= 1e-5 * np.linalg.norm(b) + 1e-7, path

  jax.tree_util.tree_map_with_path(close, got_gradient, want_gradient)


def test_sharded_over_a_mesh_the_step_is_the_single_device_one(
  rng, random_params
):
  batch = _batch(rng)
  params = random_params(MODEL, batch)
  key = jax.random.key(3)
  want, want_metrics = STEP(_state(params), batch, key)
  mesh = jax.make_mesh(
    (8,), ('data',), axis_types=(jax.sharding.AxisType.Auto,)
  )
  spec = jax.sharding.PartitionSpec
  rows = jax.sharding.NamedSharding(mesh, spec('data'))
  whole = jax.sharding.NamedSharding(mesh, spec())
  got, got_metrics = jax.jit(_step(), out_shardings=whole)(
    jax.device_put(_state(params), whole), jax.device_put(batch, rows), key
  )
  np.testing.assert_allclose(
    got_metrics['loss'].value(), want_metrics['loss'].value(), rtol=1e-6
  )
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6),
    _gradient(params, got.params),
    _gradient(params, want.params),
  )


def test_each_term_has_its_own_denominator(rng, random_params):
  batch = _batch(rng)
  params = random_params(MODEL, batch)
  root = jax.random.key(0)
  _, metrics = STEP(_state(params), batch, root)
  # The step's own randomness: by step, by use, and by example.
  key = jax.random.split(jax.random.fold_in(root, 0))[0]
  key = jax.random.fold_in(key, 0)
  keys = jax.vmap(jax.random.fold_in, (None, 0))(key, batch['index'])
  batch = _drop(batch, keys)
  outputs = jax.jit(MODEL.apply)({'params': params}, batch)
  total = 0.0
  for name, objective in OBJECTIVES.items():
    for term in objective(outputs, batch).values():
      loss, weight = np.asarray(term.loss), np.asarray(term.weight)
      real = weight > 0
      mean = (loss[real] * weight[real]).sum() / weight.sum()
      total += objective.weight * mean
    key = {'classify': 'label'}.get(name, 'image_text')
    np.testing.assert_allclose(
      metrics[f'{name}/{key}/loss'].value(), mean, rtol=1e-5
    )
  np.testing.assert_allclose(metrics['loss'].value(), total, rtol=1e-5)


def test_padding_rows_and_poison_under_masks_change_nothing(rng, random_params):
  batch = _batch(rng)
  params = random_params(MODEL, batch)
  want, _ = STEP(_state(params), batch, jax.random.key(0))
  here = np.asarray(batch['mask']['image'] & (batch['weight'] > 0))
  poisoned = {
    **batch,
    'image': jnp.where(here[:, None, None, None], batch['image'], jnp.nan),
    'mask': {**batch['mask'], 'image': jnp.asarray(here)},
  }
  got, _ = STEP(_state(params), poisoned, jax.random.key(0))
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
    got.params,
    want.params,
  )


def test_a_step_that_is_not_finite_changes_nothing_but_the_step(
  rng, random_params
):
  batch = _batch(rng)
  state = _state(random_params(MODEL, batch))
  _, metrics = STEP(state, batch, jax.random.key(0))
  assert metrics['finite'].value() == 1
  bad = {**batch, 'image': batch['image'].at[9].set(jnp.nan)}
  bad['mask'] = {**batch['mask'], 'image': jnp.ones(16, bool)}
  # Some are dropped at random, so more than one step meets it.
  for seed in range(9):
    got, metrics = STEP(state, bad, jax.random.key(seed))
    if not np.isfinite(metrics['loss'].value()):
      break
  else:
    pytest.fail('never met')
  assert metrics['finite'].value() == 0
  assert got.step == state.step + 1
  jax.tree.map(
    np.testing.assert_array_equal, got, state._replace(step=got.step)
  )


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_the_model_computes_in_its_dtype_and_learns_in_float32(
  rng, random_params, dtype
):
  batch = _batch(rng)
  params = random_params(MODEL, batch)
  step = _step(compute_dtype=dtype)
  jaxpr = str(jax.make_jaxpr(step)(_state(params), batch, jax.random.key(0)))
  products = [line for line in jaxpr.splitlines() if 'dot_general' in line]
  half = [line for line in products if ':bf16[' in line]
  if dtype == jnp.float32:
    assert not half
  else:
    # Only the similarity of embeddings, and its gradient, stay in float32.
    assert len(half) > 0.7 * len(products)
  state, _ = jax.eval_shape(step, _state(params), batch, jax.random.key(0))
  assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {
    jnp.dtype('float32')
  }


def test_weight_decay_spares_norms_and_biases(rng, random_params):
  params = random_params(MODEL, _batch(rng))
  mask = jax.tree_util.tree_leaves_with_path(decayed(params))
  for path, is_decayed in mask:
    name = path[-1].key
    assert is_decayed == (name in ('kernel', 'table', 'embedding')), path
  assert len({is_decayed for _, is_decayed in mask}) == 2


def test_schedule_warms_up_to_the_peak_and_ends_at_the_end():
  optimizer = AdamW(peak_lr=0.1, end_lr=0.01, warmup=0.2)
  rate = optimizer.schedule(100)
  np.testing.assert_allclose(
    [rate(0), rate(10), rate(20), rate(60), rate(100)],
    [0, 0.05, 0.1, 0.055, 0.01],
    rtol=1e-5,
    atol=1e-9,
  )
  with pytest.raises(ValueError, match=r'peak_lr -1.0 is not positive'):
    AdamW(peak_lr=-1.0)
