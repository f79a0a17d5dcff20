"""Word vectors that others trained, and the tokenizer that goes with them."""

import dataclasses
import functools
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from mmjax.types import InputError

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")


class WordVectors(NamedTuple):
  """Words and a vector for each.

  Attributes:
    words: in the order of the file.
    vectors: one row for each word, float32.
  """

  words: tuple[str, ...]
  vectors: Float[np.ndarray, 'words d']


def read_word_vectors(
  path: str | os.PathLike[str],
  *,
  keep: Collection[str] | None = None,
  limit: int | None = None,
) -> WordVectors:
  """Reads vectors in the text format of word2vec or of GloVe.

  Each line is a word and its numbers, with spaces between. word2vec begins with
  a line of two numbers, of words and of features; GloVe doesn't. Of a word that
  comes twice the first vector counts.
  word2vec (https://arxiv.org/abs/1301.3781),
  GloVe (https://aclanthology.org/D14-1162).

  Args:
    path: the file, UTF-8.
    keep: the words of interest, such as those of a data set; all by default.
      The files hold up to millions.
    limit: most words to read; files are sorted by frequency.

  Returns:
    The words that were found, and their vectors.

  Raises:
    InputError: no such file, no vectors in it, or a line that is not one.
  """
  path, found, width = Path(path), {}, None
  wanted = None if keep is None else frozenset(keep)
  try:
    with path.open(encoding='utf-8', errors='replace', newline='\n') as file:
      for number, line in enumerate(file, 1):
        fields = line.rstrip().split(' ')
        if number == 1 and len(fields) == 2:
          continue  # The header of word2vec.
        width = width or max(len(fields) - 1, 1)
        if len(fields) <= width:
          raise InputError(
            f'{path}, line {number}: expected a word and {width} numbers'
          )
        # GloVe has words with spaces in them.
        word = ' '.join(fields[:-width])
        if word in found or (wanted is not None and word not in wanted):
          continue
        found[word] = _numbers(fields[-width:], path, number)
        if limit is not None and len(found) == limit:
          break
  except OSError as error:
    raise InputError(f'{path}: {error.strerror}') from error
  if not found:
    raise InputError(f'{path} has no vectors of the words that are wanted')
  return WordVectors(tuple(found), np.stack(list(found.values())))


def _numbers(fields: list[str], path: Path, line: int) -> np.ndarray:
  try:
    return np.array(fields, np.float32)
  except ValueError as error:
    raise InputError(f'{path}, line {line}: {error}') from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordTokenizer:
  """Words as token ids: the place of each in a given vocabulary.

  A word that is not in it is left out, and so is what is too much for `length`.
  A word is looked up as it is written, then in small letters.

  >>> tokenizer = WordTokenizer(words=('the', 'cat'), length=4)
  >>> ids, mask = tokenizer('The grey cat!')
  >>> ids.tolist(), mask.tolist()
  ([0, 1, 0, 0], [True, True, False, False])
  """

  words: tuple[str, ...]
  """The vocabulary, such as the words of `read_word_vectors`."""
  length: int = 256
  """Tokens of every text; the rest is padding."""

  def __post_init__(self):
    if not self.words:
      raise InputError('words is empty')
    if self.length < 1:
      raise InputError(f'length {self.length} is not at least 1')

  def __call__(
    self, text: str
  ) -> tuple[Int[np.ndarray, ' t'], Bool[np.ndarray, ' t']]:
    """Ids of a text, padded to `length`, and which of them are real."""
    place = _places(self.words)
    found = (place.get(w, place.get(w.lower())) for w in _WORD.findall(text))
    known = [i for i in found if i is not None][: self.length]
    ids = np.zeros(self.length, np.int32)
    ids[: len(known)] = known
    return ids, np.arange(self.length) < len(known)


@functools.lru_cache(maxsize=8)
def _places(words: tuple[str, ...]) -> Mapping[str, int]:
  return {word: i for i, word in enumerate(words)}
