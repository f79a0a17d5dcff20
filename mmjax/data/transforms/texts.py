"""Texts cleaned, the same in training and out of it."""

import dataclasses
import unicodedata
from typing import Literal

# Format characters that are part of words: of Persian and Hindi, and of emoji.
_JOINERS = '\u200c\u200d'
_GONE = ('Cc', 'Cf', 'Cs')


@dataclasses.dataclass(frozen=True, kw_only=True)
class CleanText:
  """Brings a text to one form: letters, blanks, and nothing that is unseen.

  Letters come to a normal form of Unicode (https://unicode.org/reports/tr15).
  Control and format characters go (categories Cc, Cf, Cs: zeros, direction
  marks, soft hyphens, byte order marks), but for the joiners within words.
  Each run of blanks becomes one space, and none stands at an end.

  >>> CleanText()('\\tcaf\\u0065\\u0301\\x00  au\\u00a0lait\\n')
  'café au lait'
  """

  form: Literal['NFC', 'NFKC'] = 'NFC'
  """NFC leaves ligatures and full-width letters, NFKC makes them plain."""
  lines: Literal['join', 'keep'] = 'join'
  """Whether the end of a line is a blank as any other."""
  case: Literal['keep', 'lower'] = 'keep'
  """Whether capital letters become small ones."""

  def __call__(self, text: str) -> str:
    """The clean text."""
    text = unicodedata.normalize(self.form, text)
    if self.case == 'lower':
      # Small letters may be written in another way again (Turkish İ).
      text = unicodedata.normalize(self.form, text.lower())
    if self.lines == 'keep':
      lines = [self._line(line) for line in text.splitlines()]
      return '\n'.join(lines).strip('\n')
    return self._line(text)

  def _line(self, text: str) -> str:
    if not text.isprintable():
      text = ''.join(x for x in text if x.isspace() or not _unseen(x))
    return ' '.join(text.split())


def _unseen(letter: str) -> bool:
  return unicodedata.category(letter) in _GONE and letter not in _JOINERS
