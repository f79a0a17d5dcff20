"""Every encoder into every fusion: what is masked changes nothing.

The fusions see all encoders at once. Encoders and fusions are compiled apart;
the gradients are put together by the chain rule, as in one program.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax import fusion
from mmjax.layers.graph import GraphAttention, GraphConvolution
from mmjax.layers.pooling import MeanPool
from mmjax.types import Tokens
from tests.encoders import cases
from tests.encoders.padding_test import POISON, _fill

NAMES = tuple(cases.ENCODERS)
POOLS = dict.fromkeys(NAMES, MeanPool())
VECTORS = {'pools': POOLS, 'width': 4}
TOKENS = {'modalities': NAMES, 'width': 4}
TREE = functools.reduce(lambda tree, name: (tree, name), NAMES)
FUSIONS = {
  'concat': fusion.Concat(**VECTORS),
  'weighted': fusion.Weighted(**VECTORS, weights=fusion.GatedWeights()),
  'hierarchical': fusion.Hierarchical(**VECTORS, tree=TREE),
  'low rank': fusion.LowRank(**VECTORS, rank=2),
  'spatial': fusion.Spatial(
    target=NAMES[0], given={n: POOLS[n] for n in NAMES[1:]}, width=4
  ),
  'single stream': fusion.SingleStream(**TOKENS, depth=1, heads=2),
  'cross-attention': fusion.CrossAttention(**TOKENS, depth=1, heads=2),
  'bottleneck': fusion.Bottleneck(**TOKENS, depth=1, heads=2),
  'perceiver': fusion.Perceiver(**TOKENS, depth=1, heads=2),
  'graph': fusion.Graph(**TOKENS, layers=(GraphConvolution(4),) * 2),
  'graph attention': fusion.Graph(
    **TOKENS, layers=(GraphAttention(4, heads=2),) * 2
  ),
  'decision': fusion.Decision(pools=POOLS, classes=3),
}
pytestmark = pytest.mark.slow


@functools.cache
def _encoder(name):
  """`(array, mask) -> (tokens, gradient of the parameters by cotangent)`."""
  encoder, array, mask = cases.make(name, np.random.default_rng(0))
  mask = jax.tree.map(jnp.asarray, mask)
  clean = _fill(array, mask, (0, 0))
  variables = cases.make_variables(encoder, clean, mask)
  like = jax.eval_shape(encoder.apply, variables, clean, mask).x
  params = variables.pop('params')

  @jax.jit
  def run(array, mask, cotangent):
    def apply(params):
      x, mask_ = encoder.apply({'params': params, **variables}, array, mask)
      return x, mask_

    x, pull_back, real = jax.vjp(apply, params, has_aux=True)
    return Tokens(x, real), pull_back(cotangent)[0]

  return run, array, mask, jnp.zeros(like.shape, like.dtype)


def _encode(poison, rows=slice(None)):
  arguments, tokens = {}, {}
  for name in NAMES:
    run, array, mask, zeros = _encoder(name)
    inputs = (_fill(array, mask, poison), mask)
    inputs = jax.tree.map(lambda x: x[rows], inputs)
    arguments[name] = (run, inputs)
    tokens[name] = run(*inputs, zeros)[0]
  return arguments, tokens


@functools.cache
def _fusion(name):
  module = FUSIONS[name]
  tokens = _encode((0, 0))[1]
  params = cases.make_variables(module, tokens)['params']

  @jax.jit
  def run(tokens):
    def loss(params, x):
      both = {k: Tokens(x[k], tokens[k].mask) for k in NAMES}
      fused = module.apply({'params': params}, both)
      real = jnp.where(fused.mask[..., None], fused.x, 0.0)
      return (real**2).sum(), real

    x = {k: tokens[k].x for k in NAMES}
    (_, real), found = jax.value_and_grad(loss, (0, 1), has_aux=True)(params, x)
    return real, found

  return run


def _all(name, poison, rows=slice(None)):
  """Fused tokens, gradients of the fusion, gradients of the encoders."""
  arguments, tokens = _encode(poison, rows)
  real, (own, cotangents) = _fusion(name)(tokens)
  encoders = {
    k: run(*inputs, cotangents[k])[1] for k, (run, inputs) in arguments.items()
  }
  return jax.tree.map(np.asarray, (real, own, encoders))


@pytest.mark.parametrize('name', FUSIONS)
def test_masked_values_change_neither_output_nor_gradient(name):
  want = _all(name, (0, 0))
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(want))
  for poison in POISON[1:]:
    jax.tree.map(np.testing.assert_array_equal, _all(name, poison), want)
  # Every encoder learns something.
  for encoder, gradient in want[2].items():
    largest = max(abs(x).max() for x in jax.tree.leaves(gradient))
    assert largest > 0, encoder


@pytest.mark.parametrize('name', FUSIONS)
def test_permuting_the_batch_permutes_the_result(name):
  order = np.array([2, 3, 0, 1])
  want, got = _all(name, (0, 0)), _all(name, (0, 0), order)
  np.testing.assert_allclose(got[0], want[0][order], rtol=1e-4, atol=1e-5)
