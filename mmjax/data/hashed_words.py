"""Words to integers, without a vocabulary file."""

import dataclasses
import itertools
import re
import zlib

import numpy as np
from jaxtyping import Bool, Int

from mmjax.data.tokenizers import PAD, UNKNOWN
from mmjax.types import InputError

# Runs of letters, runs of digits, and any other sign by itself.
_WORD = re.compile(r'[^\W\d_]+|\d+|[^\w\s]|_')


@dataclasses.dataclass(frozen=True, kw_only=True)
class HashedWords:
  """Words as token ids: the hash of each, in small letters.

  Ids: 0 pad, 1 begin, 2 end (neither is used here), 3 unknown (or masked), the
  others are words, which share ids by chance. Feature Hashing for Large Scale
  Multitask Learning (https://arxiv.org/abs/0902.2206).

  >>> ids, mask = HashedWords(length=4, vocabulary=1000)('To be, to')
  >>> bool(ids[0] == ids[3]), mask.tolist()
  (True, [True, True, True, True])
  """

  length: int = 256
  """Tokens of every text; the rest is padding, and what does not fit is cut."""
  vocabulary: int = 32_768
  """Number of token ids."""

  def __post_init__(self):
    if self.length < 1:
      raise InputError(f'length {self.length} is not at least 1')
    if self.vocabulary <= UNKNOWN + 1:
      raise InputError(
        f'vocabulary {self.vocabulary} has no ids for words: {UNKNOWN + 1} are '
        'for padding and the like'
      )

  def __call__(
    self, text: str
  ) -> tuple[Int[np.ndarray, ' t'], Bool[np.ndarray, ' t']]:
    """Ids of a text, padded to `length`, and which of them are real."""
    first = UNKNOWN + 1
    words = itertools.islice(_WORD.finditer(text), self.length)
    hashed = [zlib.crc32(w[0].lower().encode()) for w in words]
    ids = np.full(self.length, PAD, np.int32)
    ids[: len(hashed)] = np.array(hashed, np.int64) % (self.vocabulary - first)
    ids[: len(hashed)] += first
    return ids, np.arange(self.length) < len(hashed)
