"""Words of a list to integers and back."""

import dataclasses
import functools
import re
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Int

from mmjax.data.tokenizers import PAD, UNKNOWN
from mmjax.types import InputError

_FIRST = UNKNOWN + 1
_WORD = re.compile(r'\w+')


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownWords:
  """Words as token ids: their place in a list; for data with few of them.

  Ids: 0 pad, 1 begin, 2 end (neither is used here), 3 unknown, the others are
  words, in small letters. What stands between words is dropped.

  >>> tokenizer = KnownWords(words=('be', 'to'), length=4)
  >>> ids, mask = tokenizer('To be, or')
  >>> ids.tolist(), mask.tolist()
  ([5, 4, 3, 0], [True, True, True, False])
  >>> tokenizer.decode(ids)
  'to be ?'
  """

  words: tuple[str, ...]
  """All that are known, in small letters."""
  length: int = 32
  """Tokens of every text; the rest is padding, and what does not fit is cut."""

  def __post_init__(self):
    """Checks the fields."""
    if self.length < 1:
      raise InputError(f'length {self.length} is not at least 1')
    if len(self._places) < len(self.words):
      raise InputError('words has one twice')

  @property
  def vocabulary(self) -> int:
    """Number of token ids."""
    return _FIRST + len(self.words)

  @functools.cached_property
  def _places(self) -> Mapping[str, int]:
    return {word: _FIRST + i for i, word in enumerate(self.words)}

  def __call__(
    self, text: str
  ) -> tuple[Int[np.ndarray, ' t'], Bool[np.ndarray, ' t']]:
    """Ids of a text, padded to `length`, and which of them are real."""
    found = _WORD.findall(text.lower())[: self.length]
    ids = np.full(self.length, PAD, np.int32)
    ids[: len(found)] = [self._places.get(word, UNKNOWN) for word in found]
    return ids, np.arange(self.length) < len(found)

  def decode(self, ids: Int[np.ndarray, ' t']) -> str:
    """The words, `?` for unknown ones; padding is dropped.

    Raises:
      ValueError: an id is not in the vocabulary.
    """
    ids = np.asarray(ids)
    wrong = ids[(ids < 0) | (ids >= self.vocabulary)]
    if wrong.size:
      raise ValueError(
        f'id {wrong[0]} is not in a vocabulary of {self.vocabulary}'
      )
    kept = ids[ids >= UNKNOWN]
    return ' '.join(
      '?' if i == UNKNOWN else self.words[i - _FIRST] for i in kept
    )
