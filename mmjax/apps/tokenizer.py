"""`mmjax data tokenizer train SOURCE`: a vocabulary of a source's own texts."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from mmjax.apps.source import WHAT, parse_source
from mmjax.data.dataset import SPLITS
from mmjax.data.sources.texts import texts_of
from mmjax.data.subwords import Kind, Subwords, learn
from mmjax.types import InputError

_EPILOG = """\
What follows are the fields of mmjax.data.sources.Records, such as
--columns.text caption; --help behind SOURCE lists them. A config uses the file
as tokenizer=mmjax.data.subwords.Subwords(file='FILE').
"""


def main(argv: Sequence[str]) -> int:
  """Runs a command line, without `mmjax data tokenizer`.

  Raises:
    InputError: the source cannot be read, has no texts, or more letters than
      fit.
  """
  parser = argparse.ArgumentParser(
    prog='mmjax data tokenizer', allow_abbrev=False
  )
  commands = parser.add_subparsers(metavar='COMMAND', required=True)
  command = commands.add_parser(
    'train',
    help='learn a vocabulary from the texts of a source',
    description='Learns a vocabulary from the texts of a source.',
    epilog=_EPILOG,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )
  command.add_argument(
    'source',
    metavar='SOURCE',
    help=WHAT,
  )
  command.add_argument(
    '--kind',
    choices=get_args(Kind),
    default='bpe',
    help='byte-level BPE, WordPiece, or the unigram model of SentencePiece '
    '(bpe)',
  )
  command.add_argument(
    '--size', type=int, default=8000, help='number of ids at most (8000)'
  )
  command.add_argument(
    '--out',
    type=Path,
    required=True,
    metavar='FILE',
    help='JSON of the tokenizers library that is written',
  )
  command.add_argument(
    '--split', choices=SPLITS, default='train', help='whose texts (train)'
  )
  command.add_argument(
    '--json', action='store_true', help='print one JSON object'
  )
  own, rest = parser.parse_known_args(argv)
  data = parse_source(
    own.source, rest, prog='mmjax data tokenizer train SOURCE'
  )
  texts = list(texts_of(data, own.split))
  if not texts:
    column = data.columns.text
    raise InputError(
      f'{data.root} has no texts in the column {column!r}: name another with '
      '--columns.text'
    )
  try:
    learn(texts, own.out, vocabulary=own.size, kind=own.kind)
  except OSError as error:
    raise InputError(f'cannot write {own.out}: {error.strerror}') from error
  _tell(own.out, texts, kind=own.kind, as_json=own.json)
  return 0


def _tell(
  file: Path, texts: Sequence[str], *, kind: str, as_json: bool
) -> None:
  """What was learned, and how well it fits the texts."""
  tokenizer = Subwords(file=str(file))
  tokens = sum(len(tokenizer.encode(text)) for text in texts)
  words = sum(len(text.split()) for text in texts)
  found = {
    'file': str(file),
    'kind': kind,
    'vocabulary': tokenizer.vocab_size,
    'texts': len(texts),
    'tokens_per_word': round(tokens / max(words, 1), 3),
  }
  if as_json:
    print(json.dumps(found))
    return
  print(
    f'{file}: {kind}, {found["vocabulary"]} ids from {len(texts)} texts, '
    f'{found["tokens_per_word"]} tokens a word'
  )
