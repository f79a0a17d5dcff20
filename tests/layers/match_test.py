"""Which tokens of a text stand in its question, against plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.layers import ByteEmbedding, MatchEmbedding

END = 2


def plain(text, n):
  """For one text, by comparing slices."""
  found = np.zeros(len(text), bool)
  if END not in text:
    return found
  border = text.index(END)
  asked = {tuple(text[i - n + 1 : i + 1]) for i in range(n - 1, border)}
  for i in range(border + n, len(text)):
    found[i] = text[i] != END and tuple(text[i - n + 1 : i + 1]) in asked
  return found


@pytest.mark.parametrize('n', [1, 2, 3])
def test_finds_what_plain_loops_find(rng, n):
  rows = rng.choice([4, 5, 6, 7, END], size=(64, 24), p=[0.23] * 4 + [0.08])
  rows[0] = 4  # a text without a question
  embed = MatchEmbedding(embed=ByteEmbedding(vocabulary=8), end=END)
  found = embed.apply({}, jnp.asarray(rows), n, method='matches')
  expected = np.stack([plain(row.tolist(), n) for row in rows])
  assert expected.any()
  np.testing.assert_array_equal(found, expected)


def test_padding_matches_nothing():
  text = jnp.array([[1, 5, 6, END, 6, END, 0, 0]])
  embed = MatchEmbedding(embed=ByteEmbedding(vocabulary=8), end=END)
  found = embed.apply({}, text, 1, method='matches')
  np.testing.assert_array_equal(found[0], np.arange(8) == 4)


def test_adds_the_vector_of_each_length_that_matches():
  text = jnp.array([[1, 5, 6, END, 5, 6, 7, 5, END]])
  embed = MatchEmbedding(embed=ByteEmbedding(vocabulary=8), end=END)
  variables = embed.init(jax.random.key(0), text, 4)
  match = variables['params']['match']
  own = ByteEmbedding(vocabulary=8).apply(
    {'params': variables['params']['embed']}, text, 4
  )
  added = embed.apply(variables, text, 4) - own
  expected = np.zeros((9, 4))
  expected[4] = match[0]
  expected[5] = match[0] + match[1]
  expected[7] = match[0]
  np.testing.assert_allclose(added[0], expected, atol=1e-6)
