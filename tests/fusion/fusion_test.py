"""What every fusion promises, and each against its formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from mmjax.fusion.concat import Concat
from mmjax.fusion.cross_attention import CrossAttention
from mmjax.layers.pooling import AttentionPool, LastToken, MeanPool
from mmjax.types import Tokens

CONCAT = Concat(
  pools={
    'image': MeanPool(),
    'text': LastToken(),
    'audio': AttentionPool(heads=2),
  },
  width=8,
)
CROSS = CrossAttention(
  modalities=('image', 'text', 'audio'), width=8, depth=1, heads=2
)
FUSIONS = [CONCAT, CROSS]
WIDTHS = {'image': 6, 'text': 8, 'audio': 10}


def _tokens(rng, poison=None):
  """Three rows: whole, partly padded, and one that has only text."""
  lengths = {'image': [4, 4, 0], 'text': [5, 2, 3], 'audio': [6, 1, 0]}
  tokens = {}
  for name, width in WIDTHS.items():
    n = max(lengths[name])
    x = rng.normal(size=(3, n, width)).astype(np.float32)
    mask = np.arange(n)[None] < np.asarray(lengths[name])[:, None]
    if poison is not None:
      x = np.where(mask[..., None], x, poison).astype(np.float32)
    tokens[name] = Tokens(jnp.asarray(x), jnp.asarray(mask))
  return tokens


def _real(tokens):
  return jnp.where(tokens.mask[..., None], tokens.x, 0.0)


@pytest.mark.parametrize('fusion', FUSIONS)
def test_masked_values_change_neither_output_nor_gradient(
  fusion, random_params
):
  def tokens(poison):
    return _tokens(np.random.default_rng(0), poison)

  params = random_params(fusion, tokens(0.0))

  @jax.jit
  @jax.value_and_grad
  def run(params, tokens):
    return (_real(fusion.apply({'params': params}, tokens)) ** 2).sum()

  want = run(params, tokens(0.0))
  got = run(params, tokens(1e4))
  jax.tree.map(np.testing.assert_array_equal, got, want)
  fused = fusion.apply({'params': params}, tokens(0.0))
  assert np.asarray(fused.mask[:, 0]).all()
  assert np.isfinite(np.asarray(_real(fused))).all()


@pytest.mark.parametrize('fusion', FUSIONS)
def test_order_of_rows_and_of_modalities_does_not_matter(
  rng, fusion, random_params
):
  tokens = _tokens(rng)
  variables = {'params': random_params(fusion, tokens)}
  apply = jax.jit(fusion.apply)
  want = apply(variables, tokens)
  backwards = dict(reversed(tokens.items()))
  np.testing.assert_array_equal(
    fusion.apply(variables, backwards).mask, want.mask
  )
  order = np.array([2, 0, 1])
  permuted = jax.tree.map(lambda x: x[order], tokens)
  got = apply(variables, permuted)
  np.testing.assert_allclose(_real(got), _real(want)[order], atol=1e-5)


@pytest.mark.parametrize('fusion', FUSIONS)
def test_each_present_modality_matters_and_no_absent_one(
  rng, fusion, random_params
):
  tokens = _tokens(rng)
  variables = {'params': random_params(fusion, tokens)}
  apply = jax.jit(fusion.apply)
  base = np.asarray(apply(variables, tokens).x[:, 0])
  for name in WIDTHS:
    x, mask = tokens[name]
    changed = {**tokens, name: Tokens(x[..., ::-1] * 2 + 1, mask)}
    moved = np.abs(np.asarray(apply(variables, changed).x[:, 0]) - base)
    present = np.asarray(mask).any(axis=1)
    np.testing.assert_array_equal(moved.max(axis=1) > 1e-4, present)


def _norm(x, p):
  mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
  return (x - mean) / np.sqrt(var + 1e-6) * p['scale'] + p['bias']


def _dense(x, p):
  return x @ p['kernel'] + p['bias']


def _gelu(x):
  return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def test_concat_is_its_formula(rng, random_params):
  names = ('image', 'audio')
  fusion = Concat(pools=dict.fromkeys(names, MeanPool()), width=8)
  tokens = {name: _tokens(rng)[name] for name in names}
  params = random_params(fusion, tokens)
  p = jax.tree.map(np.asarray, params)
  got = jax.jit(fusion.apply)({'params': params}, tokens).x
  for row in range(3):
    parts = []
    for name in names:
      x, mask = (np.asarray(a[row]) for a in tokens[name])
      if mask.any():
        part = _norm(x[mask].mean(0), p[f'{name}_norm'])
        parts.append(_dense(part, p[f'{name}_projection']))
      else:
        parts.append(p[f'{name}_absent'][0])
    hidden = _gelu(_dense(np.concatenate(parts), p['mlp']['up']))
    want = _dense(hidden, p['mlp']['down'])
    np.testing.assert_allclose(got[row, 0], want, rtol=1e-4, atol=1e-4)


def _numpy_attention(x, context, p):
  q, k, v = (
    np.einsum('nd,dkh->knh', a, p[name]['kernel']) + p[name]['bias'][:, None]
    for name, a in (('query', x), ('key', context), ('value', context))
  )
  logits = np.einsum('knh,kmh->knm', q, k) / np.sqrt(q.shape[-1])
  mixed = np.einsum('knm,kmh->nkh', scipy.special.softmax(logits, -1), v)
  return np.einsum('nkh,khd->nd', mixed, p['out']['kernel']) + p['out']['bias']


def test_cross_attention_is_its_formula(rng, random_params):
  names = ('image', 'text')
  fusion = CrossAttention(modalities=names, width=8, depth=2, heads=2)
  tokens = {name: _tokens(rng)[name] for name in names}
  params = random_params(fusion, tokens)
  p = jax.tree.map(np.asarray, params)
  got = jax.jit(fusion.apply)({'params': params}, tokens)
  for row in range(3):
    streams = {}
    for name in names:
      x, mask = (np.asarray(a[row]) for a in tokens[name])
      x = _dense(_norm(x[mask], p[f'{name}_norm']), p[f'{name}_projection'])
      streams[name] = x + p[f'{name}_embedding'][0]
    streams['fusion'] = p['token'][0]
    for i in range(2):
      asked = {}
      for name, x in streams.items():
        q = p[f'{name}_block_{i}']
        context = np.concatenate(
          [streams[other] for other in streams if other != name]
        )
        y = _norm(x, q['attention_norm'])
        context = _norm(context, q['context_norm'])
        x = x + _numpy_attention(y, context, q['attention'])
        y = _gelu(_dense(_norm(x, q['mlp_norm']), q['mlp']['up']))
        asked[name] = x + _dense(y, q['mlp']['down'])
      streams = asked
    want = _norm(
      np.concatenate([streams[n] for n in ('fusion', *names)]), p['norm']
    )
    real = np.asarray(got.mask[row])
    np.testing.assert_allclose(got.x[row][real], want, rtol=1e-3, atol=1e-3)


def test_heads_must_divide_the_width():
  with pytest.raises(ValueError, match='width 10 is not divisible by heads 4'):
    CrossAttention(modalities=('image',), width=10, heads=4)
