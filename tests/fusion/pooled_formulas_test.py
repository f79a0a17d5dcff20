"""Fusions of one vector for each modality, against their formulas in NumPy."""

import numpy as np
import pytest
import scipy.special

from mmjax import fusion
from mmjax.layers.pooling import MeanPool
from tests.fusion.formulas import (
  NAMES,
  ROWS,
  dense,
  gelu,
  make_tokens,
  mlp,
  norm,
  real_of,
  run,
  vector,
)

POOLS = dict.fromkeys(NAMES, MeanPool())


def close(got, want):
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_concat(rng, random_params):
  tokens = make_tokens(rng)
  got, p = run(fusion.Concat(pools=POOLS, width=8), tokens, random_params)
  for row in range(ROWS):
    parts = real_of(tokens, row)
    vectors = [
      vector(parts, p, name) if name in parts else p[f'{name}_absent'][0]
      for name in NAMES
    ]
    close(got.x[row, 0], mlp(np.concatenate(vectors), p['mlp']))


@pytest.mark.parametrize(
  'weights',
  [
    fusion.FixedWeights(alpha=(0.5, 0.3, 0.2)),
    fusion.LearnedWeights(),
    fusion.GatedWeights(),
  ],
  ids=lambda weights: type(weights).__name__,
)
def test_weighted(weights, rng, random_params):
  tokens = make_tokens(rng)
  module = fusion.Weighted(pools=POOLS, width=8, weights=weights)
  got, p = run(module, tokens, random_params)
  for row in range(ROWS):
    parts = real_of(tokens, row)
    vectors, factors = [], []
    for i, name in enumerate(NAMES):
      if name not in parts:
        continue
      vectors.append(vector(parts, p, name))
      if isinstance(weights, fusion.FixedWeights):
        factors.append(weights.alpha[i])
      elif isinstance(weights, fusion.LearnedWeights):
        factors.append(np.exp(p['weights']['logits'][0, i]))
      else:
        w = p['weights']
        gate = w['kernel'][i] @ vectors[-1] + w['bias'][0, i]
        factors.append(np.exp(gate))
    factors = np.asarray(factors) / np.sum(factors)
    close(got.x[row, 0], factors @ np.stack(vectors))


def test_two_modalities_are_alpha_f1_and_the_rest_f2(rng, random_params):
  tokens = {name: make_tokens(rng)[name] for name in ('image', 'text')}
  module = fusion.Weighted(
    pools={name: MeanPool() for name in tokens},
    width=8,
    weights=fusion.FixedWeights(alpha=(0.7, 0.3)),
  )
  got, p = run(module, tokens, random_params)
  parts = real_of(tokens, 0)
  want = 0.7 * vector(parts, p, 'image') + (1 - 0.7) * vector(parts, p, 'text')
  close(got.x[0, 0], want)


def test_low_rank_is_a_linear_layer_on_the_outer_product(rng, random_params):
  tokens = make_tokens(rng)
  module = fusion.LowRank(pools=POOLS, width=5, rank=3)
  got, p = run(module, tokens, random_params)
  for row in range(ROWS):
    parts = real_of(tokens, row)
    # The whole tensor of weights, and the whole product.
    letters = dict(zip(parts, 'xyz', strict=False))
    kernels = {
      name: np.concatenate(
        [p[f'{name}_factor']['kernel'], p[f'{name}_factor']['bias'][None]]
      )
      for name in parts
    }
    terms = ','.join(f'{letter}rd' for letter in letters.values())
    axes = ''.join(letters.values())
    tensor = np.einsum(
      f'{terms},r->{axes}d', *kernels.values(), p['ranks'][:, 0]
    )
    ones = [np.append(vector(parts, p, name), 1) for name in parts]
    outer = np.einsum(f'{",".join(axes)}->{axes}', *ones)
    n = len(parts)
    close(got.x[row, 0], np.tensordot(outer, tensor, axes=(range(n), range(n))))


def test_hierarchical(rng, random_params):
  tokens = make_tokens(rng)
  module = fusion.Hierarchical(
    pools=POOLS, width=8, tree=(('image', 'text'), 'audio')
  )
  got, p = run(module, tokens, random_params)

  def both(a, b, q):
    if a is None or b is None:
      return b if a is None else a
    return mlp(np.concatenate([a, b]), q)

  for row in range(ROWS):
    parts = real_of(tokens, row)
    image, text, audio = (
      vector(parts, p, name) if name in parts else None for name in NAMES
    )
    pair = both(image, text, p['image+text'])
    close(got.x[row, 0], both(pair, audio, p['image+text+audio']))


PRIOR = np.array([0.4, 0.3, 0.2, 0.1])
RULES = {
  'average': (
    fusion.Average(),
    lambda said, p: np.mean(list(said.values()), axis=0),
  ),
  'product of experts': (
    fusion.ProductOfExperts(prior=tuple(PRIOR)),
    lambda said, p: (
      PRIOR ** (1 - len(said)) * np.prod(list(said.values()), axis=0)
    ),
  ),
  'uniform prior': (
    fusion.ProductOfExperts(),
    lambda said, p: np.prod(list(said.values()), axis=0),
  ),
  'vote': (
    fusion.LearnedVote(),
    lambda said, p: np.prod(
      [
        said[name] ** p['rule']['weights'][i]
        for i, name in enumerate(NAMES)
        if name in said
      ],
      axis=0,
    ),
  ),
}


@pytest.mark.parametrize('rule', RULES)
def test_decisions(rule, rng, random_params):
  module, formula = RULES[rule]
  tokens = make_tokens(rng)
  decision = fusion.Decision(pools=POOLS, classes=4, rule=module, hidden=6)
  got, p = run(decision, tokens, random_params)
  for row in range(ROWS):
    said = {}
    for i, name in enumerate(NAMES):
      parts = real_of(tokens, row)
      assert got.mask[row, 1 + i] == (name in parts)
      if name in parts:
        x = norm(parts[name].mean(0), p[f'{name}_norm'])
        x = gelu(dense(x, p[f'{name}_hidden']))
        said[name] = scipy.special.softmax(dense(x, p[f'{name}_logits']))
        close(np.exp(got.x[row, 1 + i]), said[name])
    want = formula(said, p)
    close(np.exp(got.x[row, 0]), want / want.sum())
