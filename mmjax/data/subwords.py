"""Frequent pieces of words as token ids: a vocabulary learned from texts."""

import dataclasses
import functools
import hashlib
import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Int
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from mmjax.data.tokenizers import BEGIN, END, PAD
from mmjax.types import InputError

Kind = Literal['bpe', 'wordpiece', 'unigram']
_SPECIAL = ('<pad>', '<begin>', '<end>', '<unknown>')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subwords:
  """Text to the ids of a learned vocabulary, and back.

  Ids: 0 pad, 1 begin, 2 end, 3 unknown (or masked), the others are pieces of
  words. What does not fit is cut, and the end token is always there.
  """

  file: str
  """JSON of the tokenizers library that `learn` wrote."""
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
    return _read(self.file).get_vocab_size()

  def __call__(
    self, *texts: str
  ) -> tuple[Int[np.ndarray, ' t'], Bool[np.ndarray, ' t']]:
    """Ids of a text, padded to `length`, and which of them are real.

    Of several texts, one behind the other, each has its end token.
    """
    ids = [id for text in texts for id in (*self.encode(text), END)]
    ids = [BEGIN, *ids[: self.length - 2], END][: len(ids) + 1]
    row = np.full(self.length, PAD, np.int32)
    row[: len(ids)] = ids
    return row, np.arange(self.length) < len(ids)

  def encode(self, text: str) -> list[int]:
    """Ids of a whole text, without begin and end: a piece of a longer one."""
    text = unicodedata.normalize('NFC', text)
    return _read(self.file).encode(text, add_special_tokens=False).ids

  def decode(self, ids: Int[np.ndarray, ' t']) -> str:
    """Text up to the first end token."""
    ids = np.asarray(ids)
    ends = np.flatnonzero(ids == END)
    ids = ids[: ends[0]] if ends.size else ids
    return _read(self.file).decode(ids.tolist(), skip_special_tokens=True)


def learn(
  texts: Iterable[str],
  file: str | os.PathLike[str],
  *,
  vocabulary: int,
  kind: Kind = 'bpe',
) -> None:
  """Learns a vocabulary and writes it.

  With `bpe` every text can be written, and comes back as it was: Neural Machine
  Translation of Rare Words with Subword Units
  (https://arxiv.org/abs/1508.07909), on bytes, as in GPT-2. `wordpiece` splits
  words as BERT does (https://arxiv.org/abs/1609.08144), `unigram` is the
  language model of SentencePiece (https://arxiv.org/abs/1804.10959); to both a
  letter that they have not met is unknown, and which of equally good pieces
  they keep may differ from time to time.

  Args:
    texts: to count pieces in; those of the training split.
    file: JSON that is written whole or not at all.
    vocabulary: number of ids, or fewer where the texts do not have so many.
    kind: how pieces are chosen.

  Raises:
    InputError: `vocabulary` has no room for the bytes or letters, or there is
      no text, and no bytes to write others with.
  """
  texts = [unicodedata.normalize('NFC', text) for text in texts if text.strip()]
  if not texts and kind != 'bpe':  # that writes any text with bytes alone
    raise InputError('there is no text to learn a vocabulary from')
  make = {'bpe': _bpe, 'wordpiece': _wordpiece, 'unigram': _unigram}[kind]
  tokenizer, trainer = make(vocabulary)
  try:
    tokenizer.train_from_iterator(texts, trainer)
  except Exception as error:  # the library raises nothing narrower
    raise InputError(f'vocabulary {vocabulary}: {error}') from error
  if tokenizer.get_vocab_size() > vocabulary:
    raise InputError(
      f'vocabulary {vocabulary} has no room for the letters of these texts: '
      f'{tokenizer.get_vocab_size()} at least'
    )
  path = Path(file)
  path.parent.mkdir(parents=True, exist_ok=True)
  # Several processes may learn the same at once.
  part = path.with_name(f'{path.name}.{os.getpid()}')
  tokenizer.save(str(part))
  part.replace(path)


def _bpe(vocabulary: int) -> tuple[Tokenizer, Any]:
  alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
  least = len(alphabet) + len(_SPECIAL)
  if vocabulary < least:
    raise InputError(f'vocabulary {vocabulary} is less than {least}')
  tokenizer = Tokenizer(models.BPE(unk_token=_SPECIAL[3]))
  tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
  tokenizer.decoder = decoders.ByteLevel()
  trainer = trainers.BpeTrainer(
    vocab_size=vocabulary,
    special_tokens=list(_SPECIAL),
    initial_alphabet=alphabet,
    show_progress=False,
  )
  return tokenizer, trainer


def _wordpiece(vocabulary: int) -> tuple[Tokenizer, Any]:
  tokenizer = Tokenizer(models.WordPiece(unk_token=_SPECIAL[3]))
  tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
  tokenizer.decoder = decoders.WordPiece(cleanup=False)
  return tokenizer, trainers.WordPieceTrainer(
    vocab_size=vocabulary, special_tokens=list(_SPECIAL), show_progress=False
  )


def _unigram(vocabulary: int) -> tuple[Tokenizer, Any]:
  tokenizer = Tokenizer(models.Unigram())
  tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
  tokenizer.decoder = decoders.Metaspace()
  return tokenizer, trainers.UnigramTrainer(
    vocab_size=vocabulary,
    special_tokens=list(_SPECIAL),
    unk_token=_SPECIAL[3],
    show_progress=False,
  )


def learn_once(
  texts: Sequence[str],
  cache: str,
  *,
  name: str,
  vocabulary: int,
  option: str = '--data.cache',
) -> str:
  """The file of a vocabulary, learned unless it was before from these texts.

  Args:
    texts: to count pieces in.
    cache: folder; the file stands in `subwords` below it.
    name: begins the file's name.
    vocabulary: number of ids.
    option: that which names the folder, for the error.

  Raises:
    InputError: it cannot be kept, or has no room for the bytes.
  """
  told = f'{vocabulary}\n' + '\n'.join(texts)
  digest = hashlib.sha256(told.encode()).hexdigest()[:16]
  folder = Path(cache).expanduser() / 'subwords'
  file = folder / f'{name}-{vocabulary}-{digest}.json'
  if not file.exists():
    try:
      learn(texts, file, vocabulary=vocabulary)
    except OSError as error:
      raise InputError(
        f'cannot keep a vocabulary in {cache}: {error}: name another folder '
        f'with {option}'
      ) from error
  return str(file)


def spaced(text: str) -> str:
  """A text with a space before each of its lines: the first word of a line has
  the ids then that it has elsewhere, and can be found there and copied."""
  return ' ' + text.replace('\n', '\n ')


def _read(file: str) -> Tokenizer:
  try:
    found = os.stat(file)
  except OSError as error:
    raise InputError(f'{file} is no tokenizer: {error.strerror}') from error
  return _parse(file, found.st_ino, found.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _parse(file: str, number: int, written: int) -> Tokenizer:
  """The tokenizer in a file; numbers that change when it is written anew."""
  del number, written
  try:
    return Tokenizer.from_file(file)
  except Exception as error:  # The library raises nothing narrower.
    raise InputError(f'{file} is no tokenizer: {error}') from error
