"""What is drawn comes from the distribution that the rules leave."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from mmjax.decoders import (
  Greedy,
  MinP,
  Sample,
  Suppress,
  Temperature,
  TopK,
  TopP,
)
from mmjax.decoders.steps import Written
from tests.decoders.recurrent import Recurrent

P = np.array([0.02, 0.3, 0.05, 0.25, 0.08, 0.2, 0.1])
DRAWS = 4_000


def _share(weights):
  return weights / weights.sum()


def _only(*kept):
  return _share(np.where(np.isin(np.arange(7), kept), P, 0))


RULES = {
  'none': ((), P),
  'temperature': ((Temperature(value=0.5),), _share(P**2)),
  'hot': ((Temperature(value=2.0),), _share(P**0.5)),
  'top_k': ((TopK(k=3),), _only(1, 3, 5)),
  # 0.3 + 0.25 + 0.2 are enough for 0.7, 0.1 more for 0.8.
  'top_p': ((TopP(p=0.7),), _only(1, 3, 5)),
  'more top_p': ((TopP(p=0.8),), _only(1, 3, 5, 6)),
  'min_p': ((MinP(p=0.25),), _only(1, 3, 4, 5, 6)),
  'suppress': ((Suppress(tokens=(1, 2)),), _only(0, 3, 4, 5, 6)),
  'first': ((Suppress(tokens=(3,), first_only=True),), _only(0, 1, 2, 4, 5, 6)),
  'several': (
    (Temperature(value=0.5), TopK(k=4), TopP(p=0.9)),
    _share(np.where(np.isin(np.arange(7), (1, 3, 5)), P**2, 0)),
  ),
}


@pytest.fixture(scope='module')
def drawn():
  """All of them in one program."""

  @jax.jit
  def draw(keys):
    logits = jnp.broadcast_to(jnp.log(jnp.float32(P))[None] + 3, (DRAWS, 7))
    # Nothing to read, and nothing to keep.
    step = lambda *_: (logits, {'cache': {}, 'context': {}})  # noqa: E731
    given = jnp.ones((DRAWS, 1), jnp.int32), jnp.ones((DRAWS, 1), bool)
    return {
      name: Sample(length=1, rules=rules)(step, *given, keys)
      for name, (rules, _) in RULES.items()
    }

  return draw(jax.random.split(jax.random.key(0), DRAWS))


@pytest.mark.parametrize('name', RULES)
def test_a_chi_square_test_cannot_tell_draws_from_the_distribution(name, drawn):
  want, found = RULES[name][1], drawn[name]
  counts = np.bincount(np.asarray(found.tokens)[:, 0], minlength=7)
  assert counts[want == 0].sum() == 0
  some = want > 0
  test = scipy.stats.chisquare(counts[some], want[some] * DRAWS)
  assert test.pvalue > 1e-3
  # Of the model alone, whatever the rules say.
  log_p = np.log(P)[np.asarray(found.tokens)]
  np.testing.assert_allclose(found.log_p, log_p, atol=1e-5)


def test_the_test_can_fail(drawn):
  counts = np.bincount(np.asarray(drawn['temperature'].tokens)[:, 0])
  assert scipy.stats.chisquare(counts, P * DRAWS).pvalue < 1e-9


def test_first_only_is_the_first_only():
  rule = Suppress(tokens=(3, 99), first_only=True)
  scores = jnp.log(jnp.float32(P))[None]
  tokens = jnp.zeros((1, 4), jnp.int32)
  assert np.isneginf(rule(scores, Written(tokens, 0))[0, 3])
  np.testing.assert_array_equal(rule(scores, Written(tokens, 1)), scores)


PROMPTS = [[1, 4, 3], [5], [2, 6], [4, 4, 1]]
TEXT = np.array([p + [0] * (3 - len(p)) for p in PROMPTS])
MASK = np.array([len(p) for p in PROMPTS])[:, None] > np.arange(3)[None]


@functools.cache
def _run(way):
  model = Recurrent(5)
  return model, jax.jit(functools.partial(way, model.step))


WAYS = [
  Greedy(length=8, stop=(0, 2), pad=9),
  Sample(length=8, stop=(0, 2), pad=9, rules=(TopK(k=5),)),
]


@pytest.mark.parametrize('way', WAYS)
def test_a_batch_writes_what_its_examples_write_alone(way):
  model, run = _run(way)
  keys = jax.random.split(jax.random.key(1), 4)
  found = run(jnp.asarray(TEXT), jnp.asarray(MASK), keys)
  tokens, mask = np.asarray(found.tokens), np.asarray(found.mask)
  order = np.array([3, 1, 1, 0])
  again = run(jnp.asarray(TEXT[order]), jnp.asarray(MASK[order]), keys[order])
  np.testing.assert_array_equal(again.tokens, tokens[order])
  np.testing.assert_allclose(again.score, found.score[order], atol=1e-5)
  # They do not all end at once, and nothing follows an end.
  counts = mask.sum(axis=1)
  assert len(set(counts.tolist())) > 1
  for row, prompt in enumerate(PROMPTS):
    count = counts[row]
    assert (tokens[row, count:] == 9).all()
    assert not np.isin(tokens[row, : count - 1], (0, 2)).any()
    for i in range(count):
      log_p = model.log_p([*prompt, *tokens[row, :i]])
      told = found.log_p[row, i]
      np.testing.assert_allclose(told, log_p[tokens[row, i]], atol=1e-5)
      if type(way) is Greedy:
        assert log_p.argmax() == tokens[row, i]


def test_numbers_are_checked():
  for build, words in (
    (lambda: Temperature(value=0.0), 'temperature 0.0 is not above 0'),
    (lambda: TopK(k=0), 'top_k 0 is below 1'),
    (lambda: TopP(p=0.0), r'top_p 0.0 is not in \(0, 1\]'),
    (lambda: MinP(p=1.5), r'min_p 1.5 is not in \[0, 1\]'),
    (lambda: Greedy(length=0), 'length 0 is below 1'),
  ):
    with pytest.raises(ValueError, match=words):
      build()
  with pytest.raises(ValueError, match='sampling needs keys'):
    Sample()(Recurrent(0).step, jnp.asarray(TEXT), jnp.asarray(MASK))
