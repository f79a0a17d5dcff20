"""Fusions of tokens, against their formulas in NumPy."""

import numpy as np
import pytest
import scipy.special

from mmjax import fusion
from mmjax.layers.graph import GraphAttention, GraphConvolution
from mmjax.layers.pooling import MeanPool
from tests.fusion.formulas import (
  NAMES,
  ROWS,
  block,
  dense,
  make_tokens,
  mlp,
  norm,
  project,
  real_of,
  run,
  stream,
  vector,
)

SMALL = {'modalities': NAMES, 'width': 8, 'heads': 2}


def check(got, row, want):
  real = got.x[row][got.mask[row]]
  np.testing.assert_allclose(real, want, rtol=1e-3, atol=1e-3)


def test_cross_attention(rng, random_params):
  tokens = make_tokens(rng)
  got, p = run(fusion.CrossAttention(depth=2, **SMALL), tokens, random_params)
  for row in range(ROWS):
    parts = real_of(tokens, row)
    streams = {'fusion': p['token'][0]}
    streams |= {name: stream(parts, p, name) for name in parts}
    for i in range(2):
      asked = {}
      for name, x in streams.items():
        context = np.concatenate(
          [streams[other] for other in streams if other != name]
        )
        asked[name] = block(x, p[f'{name}_block_{i}'], context)
      streams = asked
    check(got, row, norm(np.concatenate(list(streams.values())), p['norm']))


def test_single_stream(rng, random_params):
  tokens = make_tokens(rng)
  got, p = run(fusion.SingleStream(depth=2, **SMALL), tokens, random_params)
  for row in range(ROWS):
    parts = real_of(tokens, row)
    x = [p['token'][0], *(stream(parts, p, name) for name in parts)]
    x = np.concatenate(x)
    for i in range(2):
      x = block(x, p['transformer'][f'block_{i}'])
    check(got, row, norm(x, p['transformer']['norm']))


def test_bottleneck(rng, random_params):
  tokens = make_tokens(rng)
  module = fusion.Bottleneck(depth=2, bottlenecks=2, **SMALL)
  got, p = run(module, tokens, random_params)
  for row in range(ROWS):
    parts = real_of(tokens, row)
    streams = {name: stream(parts, p, name) for name in parts}
    shared = p['token'][0]
    for i in range(2):
      versions = []
      for name, x in streams.items():
        y = block(np.concatenate([shared, x]), p[f'{name}_block_{i}'])
        versions.append(y[:2])
        streams[name] = y[2:]
      shared = np.mean(versions, axis=0)
    whole = np.concatenate([shared, *streams.values()])
    check(got, row, norm(whole, p['norm']))


@pytest.mark.slow
def test_perceiver(rng, random_params):
  tokens = make_tokens(rng)
  module = fusion.Perceiver(depth=2, latents=3, **SMALL)
  got, p = run(module, tokens, random_params)
  for row in range(ROWS):
    parts = real_of(tokens, row)
    context = np.concatenate([stream(parts, p, name) for name in parts])
    x = p['token'][0]
    for i in range(2):
      x = block(x, p[f'read_{i}'], context)
      x = block(x, p[f'block_{i}'])
    check(got, row, norm(x, p['norm']))


@pytest.mark.parametrize('change', [fusion.Modulate(), fusion.Gate()])
def test_spatial(change, rng, random_params):
  tokens = make_tokens(rng)
  module = fusion.Spatial(
    target='image',
    given={'text': MeanPool(), 'audio': MeanPool()},
    change=change,
    width=8,
  )
  got, p = run(module, tokens, random_params)
  q = p['change']
  for row in range(ROWS):
    parts = real_of(tokens, row)
    given = sum(vector(parts, p, n) for n in ('text', 'audio') if n in parts)
    x = p['token'][0]
    if 'image' in parts:
      x = np.concatenate([x, project(parts['image'], p, 'image')])
    if isinstance(change, fusion.Gate):
      logits = dense(x, q['place']) + dense(given, q['given'])
      x = x * scipy.special.expit(logits)
    else:
      x = (1 + dense(given, q['gamma'])) * x + dense(given, q['beta'])
    x = x + mlp(x, p['mlp'])
    check(got, row, np.concatenate([x.mean(0, keepdims=True), x]))


def convolve(x, edges, q, norm):
  degree = edges.sum(1)
  out = []
  for i, neighbors in enumerate(edges):
    heard = 0.0
    for j in np.flatnonzero(neighbors):
      factor = 1.0 if norm == 'sum' else (degree[i] * degree[j]) ** -0.5
      heard = heard + factor * dense(x[j], q['neighbor'])
    out.append(np.maximum(heard + q['bias'], 0))
  return np.stack(out)


def attend(x, edges, q, heads):
  out = []
  for i, neighbors in enumerate(edges):
    near = np.flatnonzero(neighbors)
    asks = dense(x[i], q['asks']).reshape(heads, -1)
    sent = dense(x[near], q['neighbor']).reshape(len(near), heads, -1)
    both = asks[None] + sent
    both = np.where(both > 0, both, 0.2 * both)
    logits = (both * q['score'][None]).sum(-1)
    a = scipy.special.softmax(logits, axis=0)
    heard = (a[..., None] * sent).sum(0).reshape(-1)
    out.append(np.maximum(heard + q['bias'], 0))
  return np.stack(out)


@pytest.mark.parametrize('layer', ['sum', 'symmetric', 'attention'])
def test_graph(layer, rng, random_params):
  tokens = make_tokens(rng)
  one = (
    GraphAttention(8, heads=2)
    if layer == 'attention'
    else GraphConvolution(8, norm=layer)
  )
  module = fusion.Graph(modalities=NAMES, width=8, layers=(one, one.clone()))
  got, p = run(module, tokens, random_params)
  for row in range(ROWS):
    parts = real_of(tokens, row)
    # The fusion's node, the modalities', then tokens; edges one by one.
    hubs = [0, *(1 + NAMES.index(name) for name in parts)]
    x = [*p['token'][0][hubs]]
    edges = {(i, j) for i in range(len(hubs)) for j in range(len(hubs))}
    for hub, name in enumerate(parts, 1):
      for token in stream(parts, p, name):
        edges |= {(hub, len(x)), (len(x), hub), (len(x), len(x))}
        x.append(token)
    x, dense_edges = np.stack(x), np.zeros((len(x), len(x)), bool)
    for edge in edges:
      dense_edges[edge] = True
    for i in range(2):
      q = p[f'layers_{i}']
      if layer == 'attention':
        x = attend(x, dense_edges, q, heads=2)
      else:
        x = convolve(x, dense_edges, q, layer)
    check(got, row, x)
