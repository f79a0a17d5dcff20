import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.data.word_vectors import WordTokenizer, read_word_vectors
from mmjax.encoders.bag import BagOfVectors
from mmjax.layers.words import FromArray, WordEmbedding

LINES = ['the 1 0 0', 'grey 0 2 0', 'cat 0 0 4']


def _bag(path):
  words, vectors = read_word_vectors(path)
  encoder = BagOfVectors(
    width=vectors.shape[1],
    embed=WordEmbedding(words=len(words), vectors=FromArray(array=vectors)),
  )
  return encoder, WordTokenizer(words=words, length=4)


def test_a_text_is_the_mean_of_the_vectors_in_the_file(tmp_path):
  path = tmp_path / 'glove.txt'
  path.write_text('\n'.join(LINES))
  encoder, tokenizer = _bag(path)
  texts = ['The cat', 'a dog', 'cat, grey cat?']
  text, mask = (jnp.stack(x) for x in zip(*map(tokenizer, texts), strict=True))
  variables = encoder.init(jax.random.key(0), text, mask)
  tokens = jax.jit(encoder.apply)(variables, text, mask)
  want = [[[0.5, 0, 2]], [[0, 0, 0]], [[0, 2 / 3, 8 / 3]]]
  np.testing.assert_allclose(tokens.x, want, rtol=1e-6)
  np.testing.assert_array_equal(tokens.mask, [[True], [False], [True]])
  # In training a word counts as a whole or not at all.
  drop = encoder.copy(dropout=0.5).apply(
    variables, text, mask, train=True, rngs={'dropout': jax.random.key(3)}
  )
  counts = np.asarray(drop.x[2, 0]) * 3 / 2 / np.array([1, 2, 4])
  np.testing.assert_allclose(counts, counts.round(), atol=1e-5)


def test_vectors_that_do_not_fit_are_named():
  embed = WordEmbedding(words=5, vectors=FromArray(array=np.zeros((4, 3))))
  with pytest.raises(ValueError, match='vectors are 4 x 3, the table is 5 x 3'):
    embed.init(jax.random.key(0), jnp.zeros((1, 1), jnp.int32), 3)
