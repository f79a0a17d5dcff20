"""What every encoder promises: nothing under a mask can change anything."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.layers.pooling import (
  AttentionPool,
  FirstToken,
  LastToken,
  MeanPool,
)
from tests.encoders import cases

# What stands under a mask: (in floats, in integers).
POISON = [(0.0, 0), (1e4, 7), (np.nan, 10**6)]
POOLS = [FirstToken(), LastToken(), MeanPool(), AttentionPool(heads=2)]
# The others are variations of these.
QUICK = (
  'image', 'convolutional_image', 'text', 'recurrent_text', 'audio', 'sensor',
  'tabular',
)  # fmt: skip


def _parameters(names):
  return [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name in names
  ]


class Case(NamedTuple):
  encoder: Any
  variables: Any
  array: Any
  mask: Any
  run: Any
  """`(array, mask) -> ((sum, (real tokens, mask, pooled)), gradients)`."""
  want: Any


@functools.cache
def _case(name):
  """Everything about an encoder that is compiled, once for all tests."""
  encoder, array, mask = cases.make(name, np.random.default_rng(0))
  mask = jax.tree.map(jnp.asarray, mask)
  clean = _fill(array, mask, (0, 0))
  variables = cases.make_variables(encoder, clean, mask)
  pools = []
  # They are the same for all encoders: one with a modality shows it.
  if name in ('image', 'text', 'audio'):
    shapes = jax.eval_shape(encoder.apply, variables, clean, mask)
    tokens = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    pools = [(pool, cases.make_variables(pool, tokens)) for pool in POOLS]
  run = _make_run(encoder, variables, pools)
  return Case(encoder, variables, array, mask, run, run(clean, mask))


def _make_run(encoder, variables, pools):
  """Real tokens and pooled features, and the gradients of both."""
  params, rest = variables['params'], {**variables}
  del rest['params']

  def f(params, floats, integers, mask):
    array = jax.tree.map(
      lambda a, b: b if a is None else a,
      floats,
      integers,
      is_leaf=lambda x: x is None,
    )
    tokens = encoder.apply({'params': params, **rest}, array, mask)
    real = jnp.where(tokens.mask[..., None], tokens.x, 0.0)
    here = tokens.mask.any(axis=1)[:, None]
    pooled = [
      jnp.where(here, pool.apply(pool_variables, tokens), 0.0)
      for pool, pool_variables in pools
    ]
    total = (real**2).sum() + sum((x**3).sum() for x in pooled)
    return total, (real, tokens.mask, pooled)

  gradient = jax.value_and_grad(f, (0, 1), has_aux=True)
  run = jax.jit(gradient)

  def pick(array, kind):
    return jax.tree.map(lambda x: x if x.dtype.kind == kind else None, array)

  return lambda array, mask: run(
    params, pick(array, 'f'), pick(array, 'i'), mask
  )


def _fill(array, mask, poison):
  """The tree with `poison` where the mask is False."""

  def fill(x, m):
    m = np.asarray(m).reshape(m.shape + (1,) * (x.ndim - m.ndim))
    value = poison[x.dtype.kind == 'i']
    return jnp.asarray(np.where(m, x, value).astype(x.dtype))

  return jax.tree.map(fill, array, mask)


@pytest.mark.parametrize('name', _parameters(cases.ENCODERS))
def test_padding_changes_neither_output_nor_gradient(name):
  case = _case(name)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(case.want))
  for poison in POISON:
    got = case.run(_fill(case.array, case.mask, poison), case.mask)
    jax.tree.map(np.testing.assert_array_equal, got, case.want)
  present = np.asarray(case.want[0][1][1]).any(axis=1)
  given = [np.asarray(m).reshape(4, -1) for m in jax.tree.leaves(case.mask)]
  np.testing.assert_array_equal(present, np.concatenate(given, 1).any(axis=1))


@pytest.mark.parametrize('name', _parameters(cases.ENCODERS))
def test_an_example_encodes_the_same_alone_and_in_any_batch(name):
  case = _case(name)
  inputs = jax.tree.map(jnp.asarray, (case.array, case.mask))
  want, mask, pooled = case.want[0][1]
  for row in (0, 2):
    # Alone, among three that have nothing.
    only = jax.tree.map(
      lambda m, row=row: (
        m & (jnp.arange(4) == row).reshape(4, *[1] * (m.ndim - 1))
      ),
      case.mask,
    )
    real, kept, _ = case.run(_fill(case.array, only, POISON[2]), only)[0][1]
    np.testing.assert_array_equal(kept[row], mask[row])
    assert kept.sum() == mask[row].sum()
    np.testing.assert_allclose(real[row], want[row], atol=2e-6)
  order = np.array([2, 3, 0, 1])
  got = case.run(*jax.tree.map(lambda x: x[order], inputs))[0][1]
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b[order], atol=2e-6),
    got,
    (want, mask, pooled),
  )


@pytest.mark.parametrize('name', _parameters(cases.OVER_TIME))
def test_a_clip_encodes_the_same_in_a_longer_array(name):
  case = _case(name)
  real = int(case.mask[2].sum())
  clip, here = jnp.asarray(case.array[2:3, :real]), jnp.ones((1, real), bool)
  apply = jax.jit(case.encoder.apply)
  alone = apply(case.variables, clip, here)
  padded, mask, _ = case.want[0][1]
  # Places of a moment stand together, so the clip's tokens come first.
  n = alone.x.shape[1]
  np.testing.assert_allclose(padded[2, :n], alone.x[0], atol=1e-5)
  np.testing.assert_array_equal(mask[2, :n], alone.mask[0])
  assert not np.asarray(mask[2, n:]).any()


@pytest.mark.parametrize('name', cases.ENCODERS)
def test_precision_is_that_of_the_parameters(rng, name):
  encoder, *inputs = cases.make(name, rng)
  inputs = jax.tree.map(jnp.asarray, inputs)

  def run(key, *inputs):
    variables = encoder.init(key, *inputs)
    half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), variables['params'])
    return encoder.apply({**variables, 'params': half}, *inputs)

  tokens = jax.eval_shape(run, jax.random.key(0), *inputs)
  assert tokens.x.dtype == jnp.bfloat16
