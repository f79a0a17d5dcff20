"""When a time may be written, and when a word."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.decoders import Allow, Timestamps
from mmjax.decoders.steps import Written

# Words are 0 to 3, 4 ends a text, 5 says that there are no times, 6 is time 0.
RULE = Timestamps(first=6, end=4, latest_start=2)
WORDS, END, TIMES = {0, 1, 2, 3}, {4}, set(range(6, 12))


@pytest.fixture(scope='module')
def allowed():
  apply = jax.jit(lambda *given: RULE(given[0], Written(*given[1:])))

  def find(tokens, word=0.0):
    scores = jnp.zeros((1, 12)).at[:, :5].add(word)
    padded = np.full((1, 6), 11, np.int32)
    padded[0, : len(tokens)] = tokens
    found = apply(scores, jnp.asarray(padded), jnp.asarray(len(tokens)))
    return set(np.flatnonzero(np.isfinite(np.asarray(found)[0])).tolist())

  return find


def test_times_come_in_pairs_and_never_fall(allowed):
  likely = {'word': 9.0}
  assert allowed([], **likely) == {6, 7, 8}
  assert allowed([7], **likely) == WORDS | END
  assert allowed([7, 1], **likely) == WORDS | END | {8, 9, 10, 11}
  # The end of a piece, then the start of the next, or the end of all.
  assert allowed([7, 1, 9], **likely) == END | {9, 10, 11}
  assert allowed([7, 1, 9, 9], **likely) == WORDS | END
  assert allowed([7, 1, 9, 9, 2], **likely) == WORDS | END | {10, 11}


def test_a_time_comes_if_all_together_are_likelier_than_each_word(allowed):
  assert allowed([7, 1], word=1.0) == {8, 9, 10, 11}
  assert allowed([7, 1], word=2.0) == WORDS | END | {8, 9, 10, 11}


def test_what_is_not_allowed_is_forbidden():
  scores = Allow(tokens=(1, 3))(
    jnp.zeros((2, 5)), Written(jnp.zeros((2, 1), jnp.int32), 0)
  )
  np.testing.assert_array_equal(
    np.isfinite(scores), [[False, True, False, True, False]] * 2
  )
