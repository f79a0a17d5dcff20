"""Models of the sentencepiece library, read as what `tokenizers` is made of.

The file is a protocol buffer of a few fields, so neither that library nor the
protobuf one is needed.

https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmjax.types import InputError

CONTROL, USER = 3, 4
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


class Piece(NamedTuple):
  """An entry of the vocabulary; its index is its id."""

  text: str
  score: float
  kind: int


class Spiece(NamedTuple):
  """A model.

  Attributes:
    pieces: the vocabulary.
    unknown: id of what stands for everything else.
    fallback: whether unknown characters become bytes.
    charsmap: the compiled normalisation of characters; perhaps empty.
    merges: whether it is a byte-pair encoding rather than a unigram model.
  """

  pieces: list[Piece]
  unknown: int
  fallback: bool
  charsmap: bytes
  merges: bool

  def find_merges(self) -> list[tuple[str, str]]:
    """Every way to put a piece together; those of smaller ids come first."""
    ids = {piece.text: i for i, piece in enumerate(self.pieces)}
    found = []
    for i, piece in enumerate(self.pieces):
      cuts = [
        (piece.text[:at], piece.text[at:]) for at in range(1, len(piece.text))
      ]
      found += [
        (i, len(left), len(right), left, right)
        for left, right in cuts
        if left in ids and right in ids
      ]
    return [(left, right) for *_, left, right in sorted(found)]


def read_spiece(path: Path) -> Spiece:
  """Reads a model.

  Raises:
    InputError: it is none.
  """
  try:
    parts = list(_fields(path.read_bytes()))
    pieces = [_piece(value) for number, value in parts if number == 1]
    trainer = dict(_fields(b''.join(v for n, v in parts if n == 2)))
    normalizer = dict(_fields(b''.join(v for n, v in parts if n == 3)))
  except (ValueError, IndexError, TypeError, struct.error) as error:
    raise InputError(f'{path} is no sentencepiece model: {error}') from error
  if not pieces:
    raise InputError(f'{path} is no sentencepiece model: it has no pieces')
  return Spiece(
    pieces=pieces,
    unknown=trainer.get(40, 0),
    fallback=bool(trainer.get(35, 0)),
    charsmap=normalizer.get(2, b''),
    merges=trainer.get(3, 1) == 2,
  )


def _piece(data: bytes) -> Piece:
  fields = dict(_fields(data))
  (score,) = struct.unpack('<f', fields.get(2, bytes(4)))
  return Piece(fields[1].decode('utf-8'), score, fields.get(3, 1))


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
  """Number and value of each field of a message."""
  at = 0
  while at < len(data):
    key, at = _varint(data, at)
    number, kind = key >> 3, key & 7
    if kind == _VARINT:
      value, at = _varint(data, at)
      yield number, value
      continue
    if kind == _BYTES:
      size, at = _varint(data, at)
    elif kind in (_EIGHT, _FOUR):
      size = 8 if kind == _EIGHT else 4
    else:
      raise ValueError(f'field {number} has type {kind}')
    if at + size > len(data):
      raise ValueError('it is cut short')
    yield number, data[at : at + size]
    at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
  """A whole number in groups of seven bits, and what is behind it."""
  value = shift = 0
  while True:
    value |= (data[at] & 127) << shift
    shift += 7
    at += 1
    if data[at - 1] < 128:
      return value, at
