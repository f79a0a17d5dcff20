"""Rates of their own: by pattern, by depth, and none where frozen."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import MeanPool
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.paths import named_leaves
from mmjax.train import AdamW, Constant, Groups
from mmjax.types import InputError

SMALL = {'width': 8, 'heads': 2}
PLAIN = {'peak_lr': 0.1, 'warmup': 0.0, 'decay': Constant()}
BATCH = {
  'image': jnp.zeros((1, 8, 8, 3)),
  'text': jnp.zeros((1, 4), jnp.int32),
  'mask': {'image': jnp.ones(1, bool), 'text': jnp.ones((1, 4), bool)},
}


@pytest.fixture
def params(random_params):
  """A ViT of 4 unrolled blocks, a text tower of 3 scanned ones, a head."""
  model = Fused(
    encoders={
      'image': ViT(patch_size=4, depth=4, class_token=True, **SMALL),
      'text': TextTransformer(depth=3, scan=True, **SMALL),
    },
    fusion=Concat(pools={'image': MeanPool(), 'text': MeanPool()}, width=8),
    heads={'label': Head(classes=3)},
  )
  return random_params(model, BATCH)


def _gradients(rng, params):
  return jax.tree.map(
    lambda p: jnp.asarray(rng.normal(size=p.shape), p.dtype), params
  )


def _updates(params, gradients, **groups):
  tx = AdamW(groups=Groups(**groups), **PLAIN).build(10)
  update = jax.jit(lambda g, p: tx.update(g, tx.init(p), p)[0])
  state = jax.eval_shape(tx.init, params)
  return named_leaves(update(gradients, params)), state


@pytest.mark.slow
def test_updates_are_multiplied_each_by_its_factor(rng, params):
  gradients = _gradients(rng, params)
  # Layers keep their place in the stack when those above are frozen.
  frozen = ('encoders_image/transformer/block_3/',)
  options = {'rates': {'^encoders_text/': 0.1}, 'layer_decay': {'': 0.5}}
  plain, _ = _updates(params, gradients, frozen=frozen)
  got, _ = _updates(params, gradients, frozen=frozen, **options)
  factors = named_leaves(Groups(**options).multipliers(params))
  for name, update in plain.items():
    np.testing.assert_allclose(
      got[name], factors[name] * update, rtol=1e-6, err_msg=name
    )
    assert np.any(got[name]) != name.startswith(frozen[0]), name
  name = 'encoders_image/transformer/block_2/mlp/up/kernel'
  np.testing.assert_allclose(got[name], 0.25 * plain[name], rtol=1e-6)


def test_the_first_pattern_that_fits_decides(params):
  rates = {'^encoders_text/': 0.1, 'kernel$': 3.0}
  factors = named_leaves(Groups(rates=rates).multipliers(params))
  for name, factor in factors.items():
    if name.startswith('encoders_text/'):
      assert factor == 0.1
    else:
      assert factor == (3.0 if name.endswith('kernel') else 1.0)


def test_layers_decay_from_the_top_of_their_own_stack(params):
  decays = {'^encoders_image/': 0.5, '^encoders_text/': 0.8}
  factors = named_leaves(Groups(layer_decay=decays).multipliers(params))

  for i in range(4):
    block = f'encoders_image/transformer/block_{i}'
    assert factors[f'{block}/attention/query/kernel'] == 0.5 ** (4 - i)
    assert factors[f'{block}/mlp_norm/bias'] == 0.5 ** (4 - i)
  for name in ('patches/kernel', 'positions/table', 'class_token'):
    assert factors[f'encoders_image/{name}'] == 0.5**5
  assert factors['encoders_image/transformer/norm/scale'] == 1.0
  # Scanned: the block is a place on the first axis.
  blocks = 'encoders_text/transformer/blocks'
  want = np.array([0.8**3, 0.8**2, 0.8])
  np.testing.assert_allclose(
    factors[f'{blocks}/mlp/up/bias'], want[:, None], rtol=1e-6
  )
  np.testing.assert_allclose(
    factors[f'{blocks}/attention/out/kernel'],
    want[:, None, None, None],
    rtol=1e-6,
  )
  assert factors['encoders_text/embed/table'] == 0.8**4
  for name, factor in factors.items():
    if not name.startswith('encoders_'):
      assert factor == 1.0


def test_stages_of_a_convolutional_encoder_are_layers(random_params):
  encoder = ConvolutionalEncoder(widths=(8, 8))
  params = random_params(encoder, BATCH['image'], BATCH['mask']['image'])
  factors = Groups(layer_decay={'': 0.5}).multipliers(params)
  assert factors['down_0']['kernel'] == 0.25
  assert factors['block_0']['conv_1']['kernel'] == 0.25
  assert factors['block_1']['norm_0']['scale'] == 0.5
  assert factors['norm']['scale'] == 1.0


def test_what_is_frozen_neither_moves_nor_costs_memory(rng, params):
  gradients = _gradients(rng, params)
  # A frozen part's gradient has no say in the clipping of the others.
  gradients['encoders_image'] = jax.tree.map(
    lambda g: 1e6 * g, gradients['encoders_image']
  )
  alone = {k: v for k, v in params.items() if k != 'encoders_image'}
  want, _ = _updates(alone, {k: gradients[k] for k in alone})
  got, state = _updates(params, gradients, frozen=('^encoders_image/',))
  for name, update in got.items():
    if name.startswith('encoders_image/'):
      np.testing.assert_array_equal(update, 0.0)
    else:
      np.testing.assert_array_equal(update, want[name])
  moments = sum(leaf.size for leaf in jax.tree.leaves(state) if leaf.ndim)
  assert moments == 2 * sum(leaf.size for leaf in jax.tree.leaves(alone))


@pytest.mark.parametrize(
  'options',
  [
    {'rates': {'encoders_txt/': 0.1}},
    {'frozen': ('encoders_txt/',)},
    {'only': ('encoders_txt/',)},
    {'layer_decay': {'encoders_txt/': 0.9}},
  ],
)
def test_a_pattern_that_fits_nothing_is_told_what_is_near(params, options):
  (option,) = options
  match = (
    rf"{option} 'encoders_txt/' matches no parameter; near .*encoders_text"
  )
  tx = AdamW(groups=Groups(**options)).build(10)
  with pytest.raises(InputError, match=match):
    jax.eval_shape(tx.init, params)


def test_patterns_and_factors_are_checked_at_once():
  with pytest.raises(ValueError, match=r"frozen '\(' is not a regular"):
    Groups(frozen=('(',))
  with pytest.raises(
    ValueError, match=r"rates 'a' -1.0 is not positive; `frozen`"
  ):
    Groups(rates={'a': -1.0})
  with pytest.raises(
    ValueError, match=r"layer_decay '' 1.5 is not in \(0, 1\]"
  ):
    Groups(layer_decay={'': 1.5})


def test_groups_leave_an_optimizer_alone_that_needs_none(params):
  tx = optax.sgd(0.1)
  assert Groups().apply(tx) is tx
