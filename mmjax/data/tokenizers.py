"""Text to integers and back."""

import dataclasses
import unicodedata

import numpy as np
from jaxtyping import Bool, Int

from mmjax.types import InputError

PAD, BEGIN, END, UNKNOWN = range(4)
_FIRST_BYTE = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class ByteTokenizer:
  """UTF-8 bytes as token ids: every language, no vocabulary file.

  Ids: 0 pad, 1 begin, 2 end, 3 unknown (or masked), byte `b` is `b + 4`.
  Text is brought to Unicode's normal form C first, so that the same word typed
  in two ways is the same ids. What does not fit is cut after a whole
  character, and the end token is always there. After ByT5
  (https://arxiv.org/abs/2105.13626).

  >>> tokenizer = ByteTokenizer(length=6)
  >>> ids, mask = tokenizer('hi')
  >>> ids.tolist(), mask.tolist()
  ([1, 108, 109, 2, 0, 0], [True, True, True, True, False, False])
  >>> tokenizer.decode(ids)
  'hi'
  """

  length: int = 64
  """Tokens of every text, begin and end included; the rest is padding."""

  def __post_init__(self):
    if self.length < 3:
      raise InputError(
        f'length {self.length} is too short for text: begin and end take 2, '
        'so give at least 3'
      )

  @property
  def vocab_size(self) -> int:
    """Number of different ids."""
    return _FIRST_BYTE + 256

  def __call__(
    self, text: str
  ) -> tuple[Int[np.ndarray, ' t'], Bool[np.ndarray, ' t']]:
    """Ids of a text, padded to `length`, and which of them are real."""
    data = _bytes(text)
    if len(data) > self.length - 2:
      # A partial character can only stand at the very end, where the decoder
      # drops it.
      data = data[: self.length - 2].decode('utf-8', 'ignore').encode('utf-8')
    end = len(data) + 1
    ids = np.full(self.length, PAD, np.int32)
    ids[0] = BEGIN
    ids[1:end] = np.frombuffer(data, np.uint8).astype(np.int32) + _FIRST_BYTE
    ids[end] = END
    return ids, np.arange(self.length) <= end

  def encode(self, text: str) -> list[int]:
    """Ids of a whole text, without begin and end: a piece of a longer one."""
    return [byte + _FIRST_BYTE for byte in _bytes(text)]

  def decode(self, ids: Int[np.ndarray, ' t']) -> str:
    """Text up to the first end token; what is not UTF-8 becomes U+FFFD.

    Raises:
      ValueError: an id is not in the vocabulary.
    """
    ids = np.asarray(ids)
    wrong = ids[(ids < 0) | (ids >= self.vocab_size)]
    if wrong.size:
      raise ValueError(
        f'id {wrong[0]} is not in a vocabulary of {self.vocab_size}'
      )
    ends = np.flatnonzero(ids == END)
    ids = ids[: ends[0]] if ends.size else ids
    data = (ids[ids >= _FIRST_BYTE] - _FIRST_BYTE).astype(np.uint8)
    return data.tobytes().decode('utf-8', 'replace')


def _bytes(text: str) -> bytes:
  return unicodedata.normalize('NFC', text).encode('utf-8', 'replace')
