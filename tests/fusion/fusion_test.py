"""What every fusion promises."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax import fusion
from mmjax.layers.graph import GraphAttention, GraphConvolution
from mmjax.layers.pooling import AttentionPool, LastToken, MeanPool
from tests.fusion.formulas import NAMES, WIDTHS, make_tokens

POOLS = {
  'image': MeanPool(),
  'text': LastToken(),
  'audio': AttentionPool(heads=2),
}
MEANS = dict.fromkeys(NAMES, MeanPool())
SMALL = {'modalities': NAMES, 'width': 8}
FUSIONS = {
  'concat': fusion.Concat(pools=POOLS, width=8),
  'fixed weights': fusion.Weighted(
    pools=POOLS, width=8, weights=fusion.FixedWeights(alpha=(0.5, 0.3, 0.2))
  ),
  'learned weights': fusion.Weighted(pools=MEANS, width=8),
  'gated weights': fusion.Weighted(
    pools=MEANS, width=8, weights=fusion.GatedWeights()
  ),
  'single stream': fusion.SingleStream(depth=1, heads=2, **SMALL),
  'modulated': fusion.Spatial(
    target='image', given={k: POOLS[k] for k in ('text', 'audio')}, width=8
  ),
  'gated': fusion.Spatial(
    target='image',
    given={k: MEANS[k] for k in ('text', 'audio')},
    width=8,
    change=fusion.Gate(),
  ),
  'cross-attention': fusion.CrossAttention(depth=1, heads=2, **SMALL),
  # In the second round the modalities hear of each other.
  'bottleneck': fusion.Bottleneck(depth=2, heads=2, bottlenecks=2, **SMALL),
  'perceiver': fusion.Perceiver(depth=1, heads=2, latents=2, **SMALL),
  'low rank': fusion.LowRank(pools=MEANS, width=8, rank=2),
  'graph': fusion.Graph(layers=(GraphConvolution(8),) * 2, **SMALL),
  'graph, sums': fusion.Graph(
    layers=(GraphConvolution(8, norm='sum'),) * 2, **SMALL
  ),
  'graph attention': fusion.Graph(
    layers=(GraphAttention(8, heads=2),) * 2, **SMALL
  ),
  'average': fusion.Decision(pools=MEANS, classes=4),
  'product of experts': fusion.Decision(
    pools=MEANS,
    classes=4,
    rule=fusion.ProductOfExperts(prior=(0.4, 0.3, 0.2, 0.1)),
  ),
  'vote': fusion.Decision(
    pools=MEANS, classes=4, rule=fusion.LearnedVote(), hidden=8
  ),
  'hierarchical': fusion.Hierarchical(
    pools=MEANS, width=8, tree=(('image', 'text'), 'audio')
  ),
}
EACH = pytest.mark.parametrize('name', FUSIONS)


@pytest.fixture(scope='module')
def compiled():
  """By name: the fused real tokens, their mask, and gradients of a sum."""

  @functools.cache
  def compiled(name):
    module = FUSIONS[name]
    tokens = make_tokens(np.random.default_rng(0))
    init = functools.partial(module.init, jax.random.key(0))
    shapes = jax.eval_shape(init, tokens)['params']
    rng = np.random.default_rng(1)
    params = jax.tree.map(
      lambda s: jnp.asarray(rng.normal(size=s.shape) * 0.3, s.dtype), shapes
    )

    def f(params, tokens):
      fused = module.apply({'params': params}, tokens)
      real = jnp.where(fused.mask[..., None], fused.x, 0.0)
      return (real**2).sum(), (real, fused.mask)

    run = jax.jit(jax.value_and_grad(f, has_aux=True))
    return lambda tokens: jax.tree.map(np.asarray, run(params, tokens))

  return compiled


@EACH
def test_masked_values_change_neither_output_nor_gradient(name, compiled):
  clean, poisoned = (
    compiled(name)(make_tokens(np.random.default_rng(0), poison))
    for poison in (0.0, 1e4)
  )
  jax.tree.map(np.testing.assert_array_equal, poisoned, clean)
  (_, (real, mask)), _ = clean
  assert mask[:, 0].all()
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(clean))
  assert np.abs(real[:, 0]).max(axis=1).min() > 1e-3


@EACH
def test_order_of_rows_and_of_modalities_does_not_matter(name, compiled, rng):
  tokens = make_tokens(rng)
  (_, (want, _)), gradient = compiled(name)(tokens)
  order = np.array([2, 0, 1])
  permuted = jax.tree.map(lambda x: x[order], dict(reversed(tokens.items())))
  (_, (got, _)), permuted_gradient = compiled(name)(permuted)
  np.testing.assert_allclose(got, want[order], atol=1e-5)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
    permuted_gradient,
    gradient,
  )


@EACH
def test_each_present_modality_matters_and_no_absent_one(name, compiled, rng):
  tokens = make_tokens(rng)
  base = compiled(name)(tokens)[0][1][0][:, 0]
  for modality in WIDTHS:
    x, mask = tokens[modality]
    changed = {
      **tokens, modality: tokens[modality]._replace(x=x[..., ::-1] * 2 + 1)
    }  # fmt: skip
    moved = np.abs(compiled(name)(changed)[0][1][0][:, 0] - base)
    present = np.asarray(mask).any(axis=1)
    np.testing.assert_array_equal(moved.max(axis=1) > 1e-4, present)


@EACH
def test_an_example_that_lacks_everything_gets_something_finite(name, compiled):
  tokens = {
    modality: one._replace(mask=jnp.zeros_like(one.mask))
    for modality, one in make_tokens(np.random.default_rng(0)).items()
  }
  found = compiled(name)(tokens)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
  # The same for all: it knows nothing of them.
  real = found[0][1][0][:, 0]
  np.testing.assert_allclose(real[1:], real[:-1], atol=1e-6)


@pytest.mark.parametrize(
  'make', [fusion.CrossAttention, fusion.Bottleneck, fusion.Perceiver,
           fusion.SingleStream]
)  # fmt: skip
def test_heads_must_divide_the_width(make):
  with pytest.raises(ValueError, match='width 10 is not divisible by heads 4'):
    make(modalities=('image',), width=10, heads=4)


def test_options_that_cannot_be():
  with pytest.raises(ValueError, match=r"tree .* holds \['audio', 'image'\]"):
    fusion.Hierarchical(pools=MEANS, tree=('image', 'audio'))
  with pytest.raises(ValueError, match=r"tree has \('text',\) where"):
    fusion.Hierarchical(pools=MEANS, tree=(('text',), 'audio'))
  with pytest.raises(ValueError, match=r'1 layers: a token reaches'):
    fusion.Graph(modalities=NAMES, layers=(GraphConvolution(8),))
  with pytest.raises(ValueError, match=r"target 'image' is among"):
    fusion.Spatial(target='image', given=MEANS)
  with pytest.raises(ValueError, match=r'2 weights for 3 modalities'):
    fusion.Weighted(pools=MEANS, weights=fusion.FixedWeights(alpha=(0.5, 0.5)))
  with pytest.raises(ValueError, match=r'weight that is not positive'):
    fusion.FixedWeights(alpha=(0.5, 0.0))
  with pytest.raises(ValueError, match=r'is not positive with sum 1'):
    fusion.ProductOfExperts(prior=(0.5, 0.4))
