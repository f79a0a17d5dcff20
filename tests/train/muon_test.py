"""Muon turns each layer's matrix by itself, whatever shape holds it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax.contrib import MuonDimensionNumbers as Axes

from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.text import TextTransformer
from mmjax.paths import named_leaves
from mmjax.train import Constant, Groups, Muon
from mmjax.types import InputError

PLAIN = {
  'peak_lr': 1.0,
  'warmup': 0.0,
  'decay': Constant(),
  'clip_norm': None,
  'weight_decay': 0.0,
}
ENCODER = TextTransformer(width=16, depth=3, heads=2, mlp_ratio=2.0)
SCANNED = ENCODER.clone(scan=True)
TEXT = jnp.zeros((1, 4), jnp.int32), jnp.ones((1, 4), bool)


def _axes(tree):
  leaves = jax.tree_util.tree_leaves_with_path(
    tree, is_leaf=lambda x: x is None or isinstance(x, Axes)
  )
  return {'/'.join(k.key for k in path): leaf for path, leaf in leaves}


def _params(random_params, module):
  return {'encoders_text': random_params(module, *TEXT)}


def test_axes_follow_what_a_kernel_does(random_params):
  blocks = 'encoders_text/transformer/blocks'
  for module, block, first in (
    (ENCODER, 'encoders_text/transformer/block_2', 0),
    (SCANNED, blocks, 1),
  ):
    axes = _axes(Muon().dimension_numbers(_params(random_params, module)))
    for name in ('query', 'key', 'value'):
      assert axes[f'{block}/attention/{name}/kernel'] == Axes(
        (first,), (first + 1, first + 2)
      )
    assert axes[f'{block}/attention/out/kernel'] == Axes(
      (first, first + 1), (first + 2,)
    )
    assert axes[f'{block}/mlp/up/kernel'] == Axes((first,), (first + 1,))
    # Stacked biases and scales are matrices to the eye, but not to Muon.
    for name in ('mlp/up/bias', 'attention/query/bias', 'mlp_norm/scale'):
      assert axes[f'{block}/{name}'] is None
    assert axes['encoders_text/embed/table'] is None
    assert axes['encoders_text/positions/table'] is None


def test_doors_and_what_is_named_are_left_to_adamw(random_params):
  params = {
    'encoders_image': random_params(
      ConvolutionalEncoder(widths=(8,), mean=(0.0,), std=(1.0,)),
      jnp.zeros((1, 8, 8, 1)),
      jnp.ones(1, bool),
    ),
    'heads_label': {'logits': {'kernel': jnp.zeros((8, 3))}},
    'patches': {'kernel': jnp.zeros((4, 8))},
    'probe': {'kernel': jnp.zeros((4, 8))},
  }
  axes = _axes(Muon(adam=('probe',)).dimension_numbers(params))
  # A convolution sums over offsets and channels.
  assert axes['encoders_image/down_0/kernel'] == Axes((0, 1, 2), (3,))
  for name in ('heads_label/logits', 'patches', 'probe'):
    assert axes[f'{name}/kernel'] is None
  with pytest.raises(InputError, match=r"adam 'prob_' matches no .* probe"):
    Muon(adam=('prob_',)).build(10).init(params)


def test_scanned_layers_step_like_unrolled_ones(rng, random_params):
  params = _params(random_params, ENCODER)
  gradients = jax.tree.map(
    lambda p: jnp.asarray(rng.normal(size=p.shape), p.dtype), params
  )
  update = _first_update(params, gradients)
  scanned = _first_update(_stack(params), _stack(gradients))
  got, want = named_leaves(scanned), named_leaves(_stack(update))
  assert got.keys() == want.keys()
  for name, leaf in got.items():
    np.testing.assert_allclose(leaf, want[name], atol=2e-5, err_msg=name)

  # Each layer's matrix is close to orthogonal, which the stack as one matrix
  # would not be; its size is that of an AdamW update.
  blocks = scanned['encoders_text']['transformer']['blocks']
  kernel = np.asarray(blocks['attention']['query']['kernel'])
  for layer in kernel.reshape(3, 16, 16):
    values = np.linalg.svd(layer, compute_uv=False) / (0.2 * 16**0.5)
    assert values.min() > 0.6
    assert values.max() < 1.3
  # AdamW's first step has the size of the rate.
  bias = blocks['attention']['query']['bias']
  np.testing.assert_allclose(np.abs(bias), 1.0, rtol=1e-3)


def _first_update(params, gradients):
  tx = Muon(nesterov=False, **PLAIN).build(10)
  update = jax.jit(lambda g, p: tx.update(g, tx.init(p), p)[0])
  return update(gradients, params)


def _stack(tree):
  transformer = dict(tree['encoders_text']['transformer'])
  blocks = [transformer.pop(f'block_{i}') for i in range(3)]
  transformer['blocks'] = jax.tree.map(lambda *x: jnp.stack(x), *blocks)
  text = {**tree['encoders_text'], 'transformer': transformer}
  return {'encoders_text': text}


def test_weight_decay_and_frozen_parts_go_with_muon(rng):
  params = {
    name: {'kernel': jnp.asarray(rng.normal(size=(4, 4)), jnp.float32)}
    for name in ('one', 'two', 'logits')
  }
  zero = jax.tree.map(jnp.zeros_like, params)
  more = {**PLAIN, 'weight_decay': 0.1}
  tx = Muon(groups=Groups(frozen=('two',)), adam=('one',), **more).build(10)
  updates, state = tx.update(zero, tx.init(params), params)
  # Without gradients only the decay is left, once, at the rate.
  for name in ('one', 'logits'):
    np.testing.assert_allclose(
      updates[name]['kernel'], -0.1 * params[name]['kernel'], rtol=1e-5
    )
  np.testing.assert_array_equal(updates['two']['kernel'], 0.0)
  del state
  assert optax.tree.norm(updates) > 0
