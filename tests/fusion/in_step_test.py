import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.fusion.in_step import InStep, nearest
from mmjax.layers.rotary import Rotary
from mmjax.layers.style import Style
from mmjax.types import Tokens

FUSION = InStep(modalities=('audio', 'video'), width=4, depth=0, heads=1)


def tokens(rng, poison=0.0):
  audio = rng.normal(size=(3, 6, 5)).astype(np.float32)
  video = rng.normal(size=(3, 3, 2)).astype(np.float32)
  hear = np.arange(6)[None] < np.array([6, 3, 0])[:, None]
  see = np.arange(3)[None] < np.array([2, 3, 0])[:, None]
  return {
    'audio': Tokens(jnp.where(hear[..., None], audio, poison), hear),
    'video': Tokens(jnp.where(see[..., None], video, poison), see),
  }


@functools.cache
def compiled():
  there = tokens(np.random.default_rng(0))
  shapes = jax.eval_shape(FUSION.init, jax.random.key(0), there)['params']
  rng = np.random.default_rng(1)
  params = jax.tree.map(
    lambda s: jnp.asarray(rng.normal(size=s.shape), s.dtype), shapes
  )

  def run(params, tokens):
    fused = FUSION.apply({'params': params}, tokens)
    return (jnp.where(fused.mask[..., None], fused.x, 0) ** 3).sum(), fused

  return params, jax.jit(jax.value_and_grad(run, has_aux=True))


def norm(x, scale=1.0, bias=0.0):
  x = x - x.mean(axis=-1, keepdims=True)
  x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6)
  return x * scale + bias


def test_each_moment_is_the_sum_of_what_there_is(rng):
  params, run = compiled()
  there = tokens(rng)
  (_, fused), _ = run(params, there)
  p = jax.tree.map(np.asarray, params)
  for row in range(3):
    for i in range(6):
      total = np.zeros(4)
      for name, j in (('audio', i), ('video', i // 2)):
        x, mask = np.asarray(there[name].x), np.asarray(there[name].mask)
        if mask[row, j]:
          y = norm(x[row, j], **p[f'{name}_norm'])
          layer = p[f'{name}_projection']
          total += y @ layer['kernel'] + layer['bias']
        else:
          total += p[f'{name}_absent'][0, 0]
      hear, see = there['audio'].mask[row, i], there['video'].mask[row, i // 2]
      assert fused.mask[row, i] == (hear or see)
      want = norm(total, **p['transformer']['norm'])
      np.testing.assert_allclose(fused.x[row, i], want, rtol=2e-4, atol=2e-5)


def test_masked_values_change_nothing():
  params, run = compiled()
  clean, dirty = (
    run(params, tokens(np.random.default_rng(3), poison))
    for poison in (0.0, np.nan)
  )
  jax.tree.map(np.testing.assert_array_equal, dirty, clean)
  assert np.isfinite(clean[0][0])


def test_rotary_moments_know_their_distance_but_not_their_place(
  rng, random_params
):
  style = Style(rotary=Rotary())
  fusion = InStep(modalities=('audio',), width=8, depth=1, heads=1, style=style)
  x = rng.normal(size=(3, 4)).astype(np.float32)

  def at(places):
    there = np.zeros((1, 6, 4), np.float32)
    there[0, places] = x
    mask = np.isin(np.arange(6), places)[None]
    return {'audio': Tokens(jnp.asarray(there), jnp.asarray(mask))}

  params = random_params(fusion, at([0, 1, 2]))
  apply = jax.jit(lambda t: fusion.apply({'params': params}, t).x[0])
  early, late, turned, apart = (
    np.asarray(apply(at(places))[np.array(places)])
    for places in ([0, 1, 2], [3, 4, 5], [2, 1, 0], [0, 2, 4])
  )
  np.testing.assert_allclose(late, early, atol=1e-5)
  for other in (turned, apart):
    assert np.abs(other - early).max() > 1e-3


@pytest.mark.parametrize(
  ('count', 'moments', 'want'),
  [
    (3, 6, [0, 0, 1, 1, 2, 2]),
    (6, 3, [1, 3, 5]),
    (4, 4, [0, 1, 2, 3]),
    (2, 5, [0, 0, 1, 1, 1]),
  ],
)
def test_the_nearest_token_in_time_counts(count, moments, want):
  np.testing.assert_array_equal(nearest(count, moments), want)
