"""LoRA: the formula, the start, what learns, and what is exported."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from einops import rearrange

from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.layers.pooling import MeanPool
from mmjax.models.aligned import Aligned, Alignment
from mmjax.models.lora import LoRA
from mmjax.models.masked import Masked
from mmjax.objectives.contrastive import Contrastive
from mmjax.paths import named_leaves
from mmjax.train.groups import Groups
from mmjax.train.mesh import MeshShape, make_mesh
from mmjax.train.optimizer import AdamW
from mmjax.train.sharding import state_shardings
from mmjax.train.state import make_init
from mmjax.train.step import make_train_step
from mmjax.types import InputError

SMALL = {'width': 8, 'heads': 2, 'mlp_ratio': 1.5}
MODEL = Aligned(
  encoders={
    'image': ViT(patch_size=4, depth=1, **SMALL),
    # All layers stand in one kernel.
    'text': TextTransformer(depth=2, scan=True, remat='full', **SMALL),
  },
  alignment=Alignment(pools={'image': MeanPool(), 'text': MeanPool()}, width=6),
)
KERNELS = ('attention/(query|out)/kernel$', 'mlp/up/kernel$', 'patches/kernel')
LORA = LoRA(model=MODEL, kernels=KERNELS, rank=3, alpha=6.0)
# Without blocks there is little to compile.
FLAT = MODEL.copy(
  encoders={
    'image': ViT(patch_size=4, width=8, depth=0, heads=2),
    'text': TextTransformer(width=8, depth=0, heads=2),
  }
)
ROWS = 3


@functools.cache
def _batch():
  rng = np.random.default_rng(0)
  mask = np.arange(5)[None] < np.array([5, 2, 4])[:, None]
  batch = {
    'image': rng.random((ROWS, 8, 8, 3)).astype(np.float32),
    'text': rng.integers(4, 260, (ROWS, 5)).astype(np.int32),
    'mask': {'image': np.ones(ROWS, bool), 'text': mask},
    'weight': np.ones(ROWS, np.float32),
    'index': np.arange(ROWS, dtype=np.int32),
  }
  return jax.tree.map(jnp.asarray, batch)


@functools.cache
def _params(seed=1):
  shapes = jax.eval_shape(LORA.init, jax.random.key(0), _batch())['params']
  rng = np.random.default_rng(seed)
  return jax.tree.map(
    lambda s: jnp.asarray(rng.normal(size=s.shape) * 0.3, s.dtype), shapes
  )


def _base():
  return {name: x for name, x in _params().items() if name != 'lora'}


@functools.cache
def _plain():
  """The model without LoRA."""
  return jax.jit(lambda params: MODEL.apply({'params': params}, _batch()))


def test_parameters_are_those_of_the_model_and_two_for_each_kernel():
  shapes = jax.eval_shape(MODEL.init, jax.random.key(0), _batch())['params']
  assert jax.tree.map(jnp.shape, _base()) == jax.tree.map(jnp.shape, shapes)
  block = 'transformer/block_0'
  got = {n: x.shape for n, x in named_leaves(_params()['lora']).items()}
  assert got == {
    'encoders_image/patches/a': (48, 3),
    'encoders_image/patches/b': (3, 8),
    f'encoders_image/{block}/attention/query/a': (8, 3),
    f'encoders_image/{block}/attention/query/b': (3, 2, 4),
    f'encoders_image/{block}/attention/out/a': (2, 4, 3),
    f'encoders_image/{block}/attention/out/b': (3, 8),
    f'encoders_image/{block}/mlp/up/a': (8, 3),
    f'encoders_image/{block}/mlp/up/b': (3, 12),
    'encoders_text/transformer/blocks/attention/query/a': (2, 8, 3),
    'encoders_text/transformer/blocks/attention/query/b': (2, 3, 2, 4),
    'encoders_text/transformer/blocks/attention/out/a': (2, 2, 4, 3),
    'encoders_text/transformer/blocks/attention/out/b': (2, 3, 8),
    'encoders_text/transformer/blocks/mlp/up/a': (2, 8, 3),
    'encoders_text/transformer/blocks/mlp/up/b': (2, 3, 12),
  }


def test_it_starts_with_the_model_itself_and_random_a():
  init = functools.partial(LORA._init, jax.random.key(0))
  factors = named_leaves(jax.jit(init)(_base()))
  firsts = [x for name, x in factors.items() if name.endswith('/a')]
  # Inputs of variance one make products of variance one.
  for name, x in factors.items():
    if name.endswith('query/a'):
      np.testing.assert_allclose(x.std() * np.sqrt(8), 1, atol=0.3)
  assert len({float(x.ravel()[0]) for x in firsts}) == len(firsts)
  assert not any(x.any() for n, x in factors.items() if n.endswith('/b'))


def _view(kernel, name):
  """The matrix of a kernel of one layer."""
  if 'query' in name:
    return rearrange(kernel, 'd k h -> d (k h)')
  return rearrange(kernel, '... e -> (...) e')


def test_merged_kernels_are_the_formula():
  merged = named_leaves(LORA.merge(_params()))
  base, factors = named_leaves(_base()), named_leaves(_params()['lora'])
  for name, kernel in base.items():
    path = name.removesuffix('/kernel')
    if f'{path}/a' not in factors:
      np.testing.assert_array_equal(merged[name], kernel)
      continue
    a, b = (np.asarray(factors[f'{path}/{x}'], np.float64) for x in 'ab')
    got, old = np.asarray(merged[name]), np.asarray(kernel)
    if 'blocks' not in name:
      got, old, a, b = got[None], old[None], a[None], b[None]
    for layer in range(len(got)):
      want = _view(old[layer], name) + 6 / 3 * (
        a[layer].reshape(-1, 3) @ b[layer].reshape(3, -1)
      )
      np.testing.assert_allclose(_view(got[layer], name), want, atol=1e-6)
  assert any('blocks' in name for name in factors)


def test_split_kernels_are_corrected_where_they_are():
  mesh = make_mesh(MeshShape(data=2, fsdp=2, tensor=2))
  params = _params()
  places = state_shardings({'params': params}, mesh, min_size=1)['params']
  kept = {name: x for name, x in places.items() if name != 'lora'}
  merge = jax.jit(LORA.merge, out_shardings=kept)
  got = merge(jax.device_put(params, places))
  kernel = 'encoders_text/transformer/blocks/attention/query/kernel'
  assert 'tensor' in named_leaves(got)[kernel].sharding.spec
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
    got,
    LORA.merge(params),
  )


def test_merged_parameters_give_the_same_outputs():
  merged = LORA.merge(_params())
  want = _plain()(merged)
  got = jax.jit(lambda p: LORA.apply({'params': p}, _batch()))(_params())
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), got, want
  )
  # What LoRA adds is seen.
  other = _plain()(_base())
  for name in ('image', 'text'):
    difference = got['embeddings'][name] - other['embeddings'][name]
    assert np.abs(difference).max() > 1e-2


def test_only_the_corrections_learn():
  model = LoRA(model=FLAT, kernels=('patches', 'text_projection'), rank=2)
  groups = Groups(only=('^lora/',))
  tx = AdamW(peak_lr=0.1, warmup=0.0, groups=groups).build(9)
  objectives = {'align': Contrastive(pairs=(('image', 'text'),))}
  step = jax.jit(
    make_train_step(model, objectives, tx, learns=groups.trainable)
  )
  init = make_init(model, tx)
  first = state = jax.jit(init)(jax.random.key(0), _batch())
  # What does not learn takes no memory of the optimiser.
  sizes = {x.shape for x in jax.tree.leaves(state.opt_state) if x.ndim}
  assert sizes == {(48, 2), (2, 8), (8, 2), (2, 6)}
  losses = []
  for _ in range(8):
    state, metrics = step(state, _batch(), jax.random.key(0))
    losses.append(float(metrics['loss'].total))
  old, new = named_leaves(first.params), named_leaves(state.params)
  moved = {name for name in old if (old[name] != new[name]).any()}
  assert moved == {name for name in old if name.startswith('lora/')}
  assert len(moved) == 4
  assert losses[-1] < 0.9 * losses[0]


def test_a_wrapper_around_it_sees_its_kernels(random_params):
  lora = LoRA(model=FLAT, kernels=('patches',), rank=2)
  model = Masked(model=lora, patches={'image': 0.5})
  params = random_params(model, _batch())

  @jax.jit
  def hidden(params):
    outputs: Any = model.apply(
      {'params': params},
      _batch(),
      train=True,
      rngs={'masking': jax.random.key(0)},
    )
    return outputs['masked']['image']['prediction']

  zero = {**params, 'lora': jax.tree.map(jnp.zeros_like, params['lora'])}
  assert np.abs(hidden(params) - hidden(zero)).max() > 1e-2
  same = {**zero, **lora.merge(params)}
  np.testing.assert_allclose(hidden(same), hidden(params), atol=1e-5)


class Counting(nn.Module):
  """Counts how often it runs, in a collection of its own."""

  @nn.compact
  def __call__(self, batch, *, train=False):
    x = batch['x']
    count = self.variable('batch_stats', 'count', lambda: jnp.zeros(()))
    if train:
      count.value += 1
    return {'x': nn.Dense(2, name='layer')(x)}


def test_other_collections_are_the_models_own():
  model = LoRA(model=Counting(), kernels=('layer/kernel',), rank=1)
  x = {'x': jnp.ones((2, 3))}
  variables = jax.jit(model.init)(jax.random.key(0), x)
  assert set(variables) == {'params', 'batch_stats'}
  _, changed = model.apply(variables, x, train=True, mutable=['batch_stats'])
  assert changed == {'batch_stats': {'count': 1.0}}


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'rank': 0}, 'rank 0 is below 1'),
    ({'kernels': ()}, 'kernels has no patterns'),
    ({'kernels': ('(',)}, r"kernels '\(' is not a regular expression"),
  ],
)
def test_bad_fields_are_named(fields, message):
  with pytest.raises(ValueError, match=message):
    LoRA(model=MODEL, **fields)


def test_a_pattern_without_kernels_is_named():
  model = LoRA(model=MODEL, kernels=('attention/quary/kernel',))
  with pytest.raises(
    InputError,
    match=r"^kernels 'attention/quary/kernel' matches no parameter; near are "
    '.*attention/query',
  ):
    jax.eval_shape(model.init, jax.random.key(0), _batch())
  with pytest.raises(InputError, match="there is no 'lora' in these"):
    LORA.merge(_base())
