import numpy as np
import pytest

from mmjax.data.word_vectors import WordTokenizer, read_word_vectors
from mmjax.types import InputError


def _write(path, text):
  path.write_text(text, encoding='utf-8')
  return path


def test_both_formats_are_read(tmp_path):
  # GloVe has words with spaces, and the same word twice after cleaning.
  lines = 'the 1 -2.5\n. . . 3 4\nété 5 6e-1\nthe 7 8\n'
  glove = read_word_vectors(_write(tmp_path / 'glove.txt', lines))
  word2vec = read_word_vectors(_write(tmp_path / 'w2v.txt', '4 2\n' + lines))
  for words, vectors in (glove, word2vec):
    assert words == ('the', '. . .', 'été')
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [[1, -2.5], [3, 4], [5, 0.6]])


def test_only_what_is_wanted_is_kept(tmp_path):
  path = _write(tmp_path / 'v.txt', 'a 1 2\nb 3 4\nc 5 6\n')
  assert read_word_vectors(path, limit=2).words == ('a', 'b')
  words, vectors = read_word_vectors(path, keep=['c', 'a', 'z'])
  assert words == ('a', 'c')
  np.testing.assert_array_equal(vectors, [[1, 2], [5, 6]])


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('a 1 2\nb 1 x\n', "line 2: could not convert string to float: 'x'"),
    ('a 1 2\nb 1\n', 'line 2: expected a word and 2 numbers'),
    ('', 'has no vectors of the words that are wanted'),
  ],
)
def test_a_file_that_is_not_one_is_named(tmp_path, text, message):
  with pytest.raises(InputError, match=message):
    read_word_vectors(_write(tmp_path / 'v.txt', text))
  with pytest.raises(InputError, match='none.txt: No such file'):
    read_word_vectors(tmp_path / 'none.txt')


def test_words_are_looked_up_as_written_then_in_small_letters():
  tokenizer = WordTokenizer(words=('us', 'US', "don't", 'été'), length=3)
  ids, mask = tokenizer("Us? US don't été")
  assert ids.tolist() == [0, 1, 2]
  assert mask.all()
  ids, mask = tokenizer('nothing known; Été!')
  assert ids[mask].tolist() == [3]
  with pytest.raises(InputError, match='length 0 is not at least 1'):
    WordTokenizer(words=('a',), length=0)
