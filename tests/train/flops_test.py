import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.text import TextTransformer
from mmjax.train.flops import count_flops


def _count(function, *shapes):
  args = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
  return count_flops(jax.make_jaxpr(function)(*args))


def test_products_are_two_flops_for_each_pair_of_numbers():
  assert _count(lambda a, b: a @ b, (3, 4), (4, 5)) == 2 * 3 * 4 * 5
  einsum = lambda a, b: jnp.einsum('bknd,bkmd->bknm', a, b)  # noqa: E731
  assert _count(einsum, (2, 3, 5, 7), (2, 3, 6, 7)) == 2 * 2 * 3 * 5 * 6 * 7
  # A gradient with respect to both sides costs the product twice more.
  both = jax.grad(lambda a, b: jnp.sin(a @ b).sum(), argnums=(0, 1))
  assert _count(both, (3, 4), (4, 5)) == 3 * 2 * 3 * 4 * 5


def test_a_scan_counts_as_often_as_it_is_long_and_so_does_its_gradient():
  def loss(x, ws):
    x, _ = jax.lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, ws)
    return x.sum()

  one = 2 * 3 * 8 * 8
  assert _count(loss, (3, 8), (12, 8, 8)) == 12 * one
  gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))
  assert _count(gradient, (3, 8), (12, 8, 8)) == 3 * 12 * one


def test_recomputation_counts_as_it_is_done():
  def loss(x, w):
    return jax.checkpoint(lambda x: jnp.sin(x @ w) @ w)(x).sum()

  one = 2 * 3 * 8 * 8
  plain = jax.grad(lambda x, w: (jnp.sin(x @ w) @ w).sum(), argnums=(0, 1))
  assert _count(plain, (3, 8), (8, 8)) == 6 * one
  # The first product a second time; the second one is not needed again.
  assert _count(jax.grad(loss, argnums=(0, 1)), (3, 8), (8, 8)) == 7 * one


def test_the_costliest_branch_and_each_device_of_a_shard_map_count():
  def either(x):
    return jax.lax.cond(x.sum() > 0, lambda: x @ x, lambda: x @ x @ x)

  assert _count(either, (4, 4)) == 2 * 2 * 4**3
  mesh = jax.make_mesh((8,), ('data',), (jax.sharding.AxisType.Auto,))
  spec = jax.sharding.PartitionSpec('data')
  mapped = jax.shard_map(
    lambda a: a @ a.T, mesh=mesh, in_specs=spec, out_specs=spec
  )
  assert _count(mapped, (16, 4)) == 8 * (2 * 2 * 2 * 4)


@pytest.mark.parametrize(('groups', 'stride'), [(1, 1), (1, 2), (4, 1), (8, 2)])
def test_convolutions_are_windows_times_channels(groups, stride):
  module = nn.Conv(
    16, (3, 5), strides=stride, feature_group_count=groups, padding='VALID'
  )
  x = jnp.ones((2, 11, 13, 8))
  params = jax.eval_shape(module.init, jax.random.key(0), x)
  count = count_flops(jax.make_jaxpr(module.apply)(params, x))
  height, width = (11 - 3) // stride + 1, (13 - 5) // stride + 1
  window = 3 * 5 * 8 // groups
  assert count == 2 * 2 * height * width * 16 * window
  # Both gradients cost about as much again, but for the edges.
  both = jax.grad(lambda p, x: module.apply(p, x).sum(), argnums=(0, 1))
  ratio = count_flops(jax.make_jaxpr(both)(params, x)) / count
  assert 2.0 <= ratio <= 5.5


def test_a_transformer_agrees_with_the_closed_formula():
  width, depth, t, b = 32, 3, 10, 2
  module = TextTransformer(width=width, depth=depth, heads=4)
  text = jnp.ones((b, t), jnp.int32)
  mask = jnp.ones((b, t), bool)
  variables = jax.eval_shape(module.init, jax.random.key(0), text, mask)
  count = count_flops(jax.make_jaxpr(module.apply)(variables, text, mask))
  tokens = jax.eval_shape(module.apply, variables, text, mask).x.shape[1]
  # Four projections, the MLP of four times the width, scores and their sum.
  layer = 4 * width**2 + 8 * width**2 + 2 * tokens * width
  assert count == 2 * b * tokens * depth * layer


def test_xla_counts_the_same_products_where_nothing_loops():
  def function(a, b):
    return (a @ b) @ b.T

  shapes = [jax.ShapeDtypeStruct(s, jnp.float32) for s in ((64, 32), (32, 16))]
  xla = jax.jit(function).lower(*shapes).compile().cost_analysis()
  np.testing.assert_allclose(xla['flops'], _count(function, (64, 32), (32, 16)))
