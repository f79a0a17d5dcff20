"""Scanned and recomputed blocks are the plain ones, only compiled otherwise."""

import flax.linen as nn
import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.layers.transformer import Transformer
from mmjax.types import Tokens

DEPTH, WIDTH = 3, 8
SMALL = {'depth': DEPTH, 'heads': 2, 'mlp_ratio': 2.0}


def _tokens(rng, b=4, n=5):
  x = jnp.asarray(rng.normal(size=(b, n, WIDTH)), jnp.float32)
  return Tokens(x, jnp.asarray(rng.random((b, n)) < 0.7))


def _stack(params):
  """Unrolled parameters as those of a scanned Transformer."""
  blocks = [params[f'block_{i}'] for i in range(DEPTH)]
  stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *blocks)
  return {'blocks': stacked, 'norm': params['norm']}


def _run(module):
  """Real tokens and the gradients of parameters and input."""

  def loss(params, x, mask):
    y = module.apply({'params': params}, Tokens(x, mask)).x
    y = jnp.where(mask[..., None], y, 0.0)
    return (y**2).sum() + (y**3).sum(), y

  return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))


@pytest.fixture(scope='module')
def plain():
  """Compiled once, for all that must be equal to it."""
  return _run(Transformer(**SMALL))


def _close(got, want):
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6),
    got,
    want,
  )


@pytest.mark.parametrize(
  ('scan', 'remat'),
  [
    (True, 'projections'),
    *(
      pytest.param(*way, marks=pytest.mark.slow)
      for way in (
        (True, 'none'),
        (True, 'full'),
        (False, 'projections'),
        (False, 'full'),
      )
    ),
  ],
)
def test_another_way_to_compile_gives_the_same_outputs_and_gradients(
  rng, random_params, plain, scan, remat
):
  tokens = _tokens(rng)
  params = random_params(Transformer(**SMALL), tokens)
  (_, want), (want_params, want_x) = plain(params, *tokens)
  run = _run(Transformer(scan=scan, remat=remat, **SMALL))
  arrange = _stack if scan else lambda tree: tree
  (_, got), (got_params, got_x) = run(arrange(params), *tokens)
  _close(got, want)
  _close(got_x, want_x)
  # Relative to each leaf: sums over layers and positions differ in order.
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(
      a, b, rtol=0, atol=1e-6 * max(1.0, float(jnp.abs(b).max()))
    ),
    got_params,
    arrange(want_params),
  )
  if scan:
    # Padding stays without effect: no bit of a real token may move.
    poisoned = jnp.where(tokens.mask[..., None], tokens.x, 1e4)
    (_, other), _ = run(arrange(params), poisoned, tokens.mask)
    np.testing.assert_array_equal(other, got)


def test_recomputing_more_keeps_less(rng, random_params):
  tokens = _tokens(rng, b=7, n=16)

  def kept(remat):
    module = Transformer(scan=True, remat=remat, **SMALL)
    params = random_params(module, tokens)

    def forward(params):
      return module.apply({'params': params}, tokens).x

    _, vjp = jax.eval_shape(lambda p: jax.vjp(forward, p), params)
    # What is kept of each example in each layer, beside the parameters.
    leaves = jax.tree.leaves(vjp)
    return sum(x.size for x in leaves if x.shape[:2] == (DEPTH, 7))

  none, projections, full = map(kept, ('none', 'projections', 'full'))
  assert projections < 0.7 * none
  assert full == DEPTH * 7 * 16 * WIDTH
  # Query, key, value, what was attended, and the MLP's hidden units.
  width = 4 * WIDTH + int(WIDTH * SMALL['mlp_ratio'])
  assert projections - full == DEPTH * 7 * 16 * width


def test_scanned_blocks_make_a_program_of_one_size(rng, random_params):
  tokens = _tokens(rng)

  def equations(depth, scan):
    module = Transformer(depth=depth, heads=2, scan=scan)
    shapes = jax.eval_shape(module.init, jax.random.key(0), tokens)

    def loss(variables):
      return module.apply(variables, tokens).x.sum()

    return _count(jax.make_jaxpr(jax.grad(loss))(shapes).jaxpr)

  assert equations(2, True) == equations(12, True)
  assert equations(12, False) > 5 * equations(2, False)


def _count(jaxpr):
  """Equations, those inside of loops and the like included."""
  inner = [
    sub
    for eqn in jaxpr.eqns
    for sub in jax.extend.core.jaxprs_in_params(eqn.params)
  ]
  return len(jaxpr.eqns) + sum(_count(sub) for sub in inner)


def test_scanned_blocks_start_from_different_parameters(rng):
  module = Transformer(scan=True, **SMALL)
  tokens = _tokens(rng)
  # Traced, not compiled: op by op is fast enough for one leaf.
  params = jax.jit(module.init)(jax.random.key(0), tokens)['params']
  kernel = np.asarray(params['blocks']['mlp']['up']['kernel'])
  assert kernel.shape == (DEPTH, WIDTH, 2 * WIDTH)
  # Each layer has the spread of its own fan-in, not that of the whole stack.
  np.testing.assert_allclose(kernel.std((1, 2)), WIDTH**-0.5, rtol=0.25)
  assert abs(np.corrcoef(kernel.reshape(DEPTH, -1))[0, 1]) < 0.3


def _by_example(index, seen):
  """Dropout whose key is the layer's, folded with the example's index."""

  def dropout(next_fun, args, kwargs, context):
    module = context.module
    if not isinstance(module, nn.Dropout) or module.deterministic:
      return next_fun(*args, **kwargs)
    (x,) = args
    seen.append(module.path)
    key = module.make_rng('dropout')
    # `index` is an array of the step, closed over.
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, index)
    keep = 1 - module.rate
    mask = jax.vmap(lambda k: jax.random.bernoulli(k, keep, x.shape[1:]))(keys)
    return jnp.where(mask, x / keep, 0.0)

  return dropout


@pytest.mark.slow
@pytest.mark.parametrize('remat', ['none', 'full'])
def test_dropout_keyed_by_example_works_inside_loop_and_recomputation(
  rng, random_params, remat
):
  module = Transformer(scan=True, remat=remat, dropout=0.5, **SMALL)
  tokens = _tokens(rng)
  tokens = Tokens(tokens.x[jnp.zeros(4, int)], tokens.mask | True)
  params = random_params(module, tokens)
  seen = []

  @jax.jit
  def run(params, x, index):
    def loss(params, x):
      with nn.intercept_methods(_by_example(index, seen)):
        y = module.apply(
          {'params': params},
          Tokens(x, tokens.mask),
          train=True,
          rngs={'dropout': jax.random.key(7)},
        ).x
      return (y**3).sum(), y

    return jax.value_and_grad(loss, (0, 1), has_aux=True)(params, x)

  index = jnp.array([5, 6, 5, 9])
  (_, y), (gradient, gradient_x) = run(params, tokens.x, index)
  assert seen
  # Equal inputs: only the index tells examples apart.
  np.testing.assert_allclose(y[0], y[2], atol=1e-6)
  assert np.abs(y[0] - y[1]).max() > 0.1
  order = np.array([3, 1, 0, 2])
  (_, other), (other_gradient, other_x) = run(
    params, tokens.x[order], index[order]
  )
  np.testing.assert_allclose(other, y[order], atol=1e-5)
  np.testing.assert_allclose(other_x, gradient_x[order], rtol=1e-4, atol=1e-4)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3),
    other_gradient,
    gradient,
  )


def test_each_scanned_layer_drops_something_else(rng, random_params):
  module = Transformer(scan=True, dropout=0.5, depth=2, heads=2)
  tokens = _tokens(rng)
  params = random_params(module, tokens)
  # Layers that add nothing but a bias, of 1 and of 10, show their masks.
  params = jax.tree.map(jnp.zeros_like, params)
  bias = jnp.asarray([[1.0], [10.0]]) * jnp.ones((1, WIDTH))
  params['blocks']['mlp']['down']['bias'] = bias
  params['norm']['scale'] = jnp.ones(WIDTH)
  apply = jax.jit(
    lambda p, x, key: module.apply(
      {'params': p}, x, train=True, rngs={'dropout': key}
    )
  )
  y = apply(params, Tokens(tokens.x * 0, tokens.mask), jax.random.key(0)).x
  # The norm keeps the order: 0, 2, 20 and 22, or only 0 and 22 if layers had
  # one mask.
  levels = [len(np.unique(np.round(row, 3))) for row in y.reshape(-1, WIDTH)]
  assert max(levels) == 4
