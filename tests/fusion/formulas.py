"""NumPy's versions of the layers, and three modalities to fuse."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from mmjax.types import Tokens

WIDTHS = {'image': 6, 'text': 8, 'audio': 10}
NAMES = tuple(WIDTHS)
ROWS = 3


def make_tokens(rng, poison=None):
  """Three rows: whole, partly padded, and one that has only text."""
  lengths = {'image': [4, 4, 0], 'text': [5, 2, 3], 'audio': [6, 1, 0]}
  tokens = {}
  for name, width in WIDTHS.items():
    n = max(lengths[name])
    x = rng.normal(size=(ROWS, n, width)).astype(np.float32)
    mask = np.arange(n)[None] < np.asarray(lengths[name])[:, None]
    if poison is not None:
      x = np.where(mask[..., None], x, poison).astype(np.float32)
    tokens[name] = Tokens(jnp.asarray(x), jnp.asarray(mask))
  return tokens


def run(fusion, tokens, random_params):
  """The result and the parameters, in NumPy."""
  params = random_params(fusion, tokens)
  got = jax.jit(fusion.apply)({'params': params}, tokens)
  return jax.tree.map(np.asarray, (got, params))


def real_of(tokens, row):
  """Modality -> its real tokens in one example, `[n d]`, if there are any."""
  found = {}
  for name, (x, mask) in tokens.items():
    if np.asarray(mask[row]).any():
      found[name] = np.asarray(x[row])[np.asarray(mask[row])]
  return found


def norm(x, p):
  mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
  return (x - mean) / np.sqrt(var + 1e-6) * p['scale'] + p['bias']


def dense(x, p):
  return x @ p['kernel'] + p.get('bias', 0.0)


def gelu(x):
  return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def mlp(x, p):
  return dense(gelu(dense(x, p['up'])), p['down'])


def project(x, p, name):
  return dense(norm(x, p[f'{name}_norm']), p[f'{name}_projection'])


def vector(parts, p, name):
  """The projected mean of a modality."""
  return project(parts[name].mean(0), p, name)


def stream(parts, p, name):
  """The projected tokens of a modality, with its embedding."""
  return project(parts[name], p, name) + p[f'{name}_embedding'][0]


def attention(x, context, p):
  q, k, v = (
    np.einsum('nd,dkh->knh', a, p[name]['kernel']) + p[name]['bias'][:, None]
    for name, a in (('query', x), ('key', context), ('value', context))
  )
  logits = np.einsum('knh,kmh->knm', q, k) / np.sqrt(q.shape[-1])
  mixed = np.einsum('knm,kmh->nkh', scipy.special.softmax(logits, -1), v)
  return np.einsum('nkh,khd->nd', mixed, p['out']['kernel']) + p['out']['bias']


def block(x, p, context=None):
  y = norm(x, p['attention_norm'])
  context = y if context is None else norm(context, p['context_norm'])
  x = x + attention(y, context, p['attention'])
  return x + mlp(norm(x, p['mlp_norm']), p['mlp'])
