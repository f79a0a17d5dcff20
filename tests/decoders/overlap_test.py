"""Texts of windows that overlap become that of the whole clip."""

import itertools

import numpy as np
import pytest

from mmjax.decoders import join_texts


def join(texts, *, window, overlap, lengths=None, **fields):
  lengths = lengths or [window] * len(texts)
  stride = window - overlap
  return join_texts(texts, lengths, stride=stride, overlap=overlap, **fields)


def slices(text, window, overlap):
  """A text's windows, one id for each unit of time, and how long they are."""
  starts = range(0, max(1, len(text) - overlap), window - overlap)
  texts = [text[i : i + window] for i in starts]
  return texts, [len(one) for one in texts]


@pytest.mark.parametrize('ids', [1, 2, 3, 50])
def test_slices_of_a_text_are_joined_to_it(rng, ids):
  # Of few ids, so that there are repetitions of all kinds; of one id nothing
  # but time tells how often it was said.
  for _ in range(60):
    window = int(rng.integers(2, 14))
    overlap = int(rng.integers(1, window))
    text = rng.integers(0, ids, rng.integers(1, 60)).tolist()
    texts, lengths = slices(text, window, overlap)
    found = join(texts, window=window, overlap=overlap, lengths=lengths)
    assert found == text


def test_slices_of_uneven_speech_are_joined_where_no_id_repeats(rng):
  for _ in range(60):
    # Some ids take five times as long as others.
    ends = np.cumsum(rng.uniform(1, 5, 40))
    window, overlap = 30.0, 15.0
    count = 1 + int(np.ceil((ends[-1] - window) / (window - overlap)))
    texts, lengths = [], []
    for i in range(count):
      first, last = np.searchsorted(ends, [i * 15.0, i * 15.0 + window])
      texts.append(list(range(first, last)))
      lengths.append(min(window, ends[-1] - i * 15.0))
    found = join(texts, window=window, overlap=overlap, lengths=lengths)
    assert found == list(range(40))


def best_by_hand(left, right, window, overlap, least):
  """All runs that two texts share, and the texts that they would make."""
  middle = window - overlap / 2
  found = {}
  for i, j in itertools.product(range(len(left)), range(len(right))):
    score = 0.0
    for n in range(min(len(left) - i, len(right) - j)):
      if left[i + n] != right[j + n]:
        break
      a = (i + n + 0.5) * window / len(left)
      b = window - overlap + (j + n + 0.5) * window / len(right)
      near = max(0.0, 1 - abs((a + b) / 2 - middle) / overlap)
      score += near * max(0.0, 1 - abs(a - b) / overlap)
      if n + 1 >= least and score > 0:
        found[i, j, n + 1] = score
  if not found:
    return None, [left + right]
  top = max(found.values())
  best = [key for key, score in found.items() if score > top - 1e-9]
  return top, [left[: i + n] + right[j + n :] for i, j, n in best]


@pytest.mark.parametrize('least', [1, 2])
def test_the_best_run_is_found(rng, least):
  kinds = set()
  for _ in range(200):
    left, right = (
      rng.integers(0, 5, rng.integers(1, 9)).tolist() for _ in range(2)
    )
    found = join([left, right], window=10, overlap=6, least=least)
    top, possible = best_by_hand(left, right, 10, 6, least)
    assert found in possible
    kinds.add(top is None)
  assert kinds == {True, False}


def join_words(texts, **fields):
  """The same for texts of words."""
  known = sorted({word for text in texts for word in text.split()})
  ids = [[known.index(word) for word in text.split()] for text in texts]
  return ' '.join(known[i] for i in join(ids, **fields))


def test_what_is_wrong_at_the_edges_is_left_out():
  texts = ['the cat sat on the ma', 'bat on the mat and slept all']
  found = join_words(texts, window=6, overlap=4)
  assert found == 'the cat sat on the mat and slept all'


def test_repeated_words_are_joined_where_they_were_heard():
  # `one two` was said twice in what both heard.
  texts = ['so one two one two three', 'one two one two three four']
  found = join_words(texts, window=6, overlap=5)
  assert found == 'so one two one two three four'
  # Here only once: the other times are in one window alone.
  texts = ['one two so one two', 'one two three one two']
  found = join_words(texts, window=5, overlap=2)
  assert found == 'one two so one two three one two'


def test_windows_that_share_nothing_follow_each_other():
  assert join([[1, 2], [], [3]], window=4, overlap=2) == [1, 2, 3]
  assert join([[], [], []], window=4, overlap=2) == []
  assert join([], window=4, overlap=2) == []
  assert join([[], [7, 7], []], window=4, overlap=2, gap=[0]) == [7, 7]
  found = join([[1, 2], [], [3], [4]], window=4, overlap=0, gap=[0])
  assert found == [1, 2, 0, 3, 0, 4]
  # One id in common is chance where it takes two.
  pair = [[1, 2, 3], [3, 4, 5]]
  assert join(pair, window=3, overlap=1) == [1, 2, 3, 4, 5]
  assert join(pair, window=3, overlap=1, least=2) == [1, 2, 3, 3, 4, 5]


def test_one_window_is_the_text():
  assert join([[5, 5, 6]], window=3, overlap=2, gap=[0]) == [5, 5, 6]
