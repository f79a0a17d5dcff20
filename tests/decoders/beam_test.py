"""Beam search against a plain one with lists."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.decoders import BeamSearch, Greedy, Suppress
from tests.decoders.recurrent import VOCABULARY, Recurrent

PROMPTS = [[1, 4, 3], [5], [2, 6], [4, 4, 1], [3], [6, 1]]
TEXT = np.array([p + [0] * (3 - len(p)) for p in PROMPTS])
MASK = np.array([len(p) for p in PROMPTS])[:, None] > np.arange(3)[None]


def plain_search(model, prompt, *, beams, length, penalty, stop, forbidden=()):
  """The best text that has ended, and its score."""
  running, ended = [([], 0.0)], []
  for count in range(1, length + 1):
    grown = []
    for tokens, score in running:
      log_p = model.log_p([*prompt, *tokens])
      grown += [
        ([*tokens, new], score + log_p[new])
        for new in range(VOCABULARY)
        if new not in forbidden
      ]
    grown.sort(key=lambda one: -one[1])
    for tokens, score in grown[:beams]:
      if tokens[-1] in stop or count == length:
        ended.append((tokens, score / count**penalty))
    ended = sorted(ended, key=lambda one: -one[1])[:beams]
    running = [one for one in grown if one[0][-1] not in stop][:beams]
    best = running[0][1] / count**penalty
    if len(ended) == beams and best <= ended[-1][1]:
      break
  return ended[0]


CASES = {
  'plain': {'beams': 3, 'length': 6, 'penalty': 1.0, 'stop': (2,)},
  'long': {'beams': 4, 'length': 7, 'penalty': 2.0, 'stop': (2, 5)},
  'short': {'beams': 2, 'length': 5, 'penalty': -1.0, 'stop': (0,)},
  'sums': {'beams': 3, 'length': 5, 'penalty': 0.0, 'stop': ()},
  'rules': {
    'beams': 3,
    'length': 5,
    'penalty': 1.0,
    'stop': (2,),
    'forbidden': (1, 4),
  },
}


@pytest.mark.parametrize('name', CASES)
def test_it_finds_what_a_plain_search_finds(name):
  case = CASES[name]
  rules = (Suppress(tokens=case.get('forbidden', ())),)
  search = BeamSearch(
    beams=case['beams'],
    length=case['length'],
    length_penalty=case['penalty'],
    stop=case['stop'],
    pad=9,
    rules=rules if 'forbidden' in case else (),
  )
  model = Recurrent(list(CASES).index(name))
  run = jax.jit(functools.partial(search, model.step))
  found = run(jnp.asarray(TEXT), jnp.asarray(MASK))
  for row, prompt in enumerate(PROMPTS):
    want, score = plain_search(model, prompt, **case)
    count = len(want)
    got = np.asarray(found.tokens[row])
    assert got[:count].tolist() == want, row
    assert (got[count:] == 9).all()
    assert np.asarray(found.mask[row]).sum() == count
    np.testing.assert_allclose(found.score[row], score, atol=1e-5)
    told = [model.log_p([*prompt, *want[:i]])[want[i]] for i in range(count)]
    np.testing.assert_allclose(found.log_p[row, :count], told, atol=1e-5)


def test_one_beam_is_greedy_and_more_find_something_likelier():
  model, given = Recurrent(3), (jnp.asarray(TEXT), jnp.asarray(MASK))

  @jax.jit
  def run(text, mask):
    common = {'length': 5, 'stop': ()}
    ways = (Greedy(**common), *(BeamSearch(beams=k, **common) for k in (1, 5)))
    return [way(model.step, text, mask) for way in ways]

  greedy, one, five = run(*given)
  np.testing.assert_array_equal(greedy.tokens, one.tokens)
  np.testing.assert_allclose(greedy.log_p, one.log_p, atol=1e-6)
  sums = np.asarray(five.log_p.sum(axis=1) - greedy.log_p.sum(axis=1))
  assert sums.min() > -1e-5
  assert sums.max() > 0.1


def test_numbers_are_checked():
  with pytest.raises(ValueError, match='beams 0 is below 1'):
    BeamSearch(beams=0)
  with pytest.raises(ValueError, match='length 0 is below 1'):
    BeamSearch(length=0)
