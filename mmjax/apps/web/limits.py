"""What the page takes from a person, and how much of it."""

import dataclasses
import re
from pathlib import Path

from mmjax.data.errors import RecordError
from mmjax.types import InputError

_PATH = re.compile(r'(?<!\w)(?:/[\w.~+-]+){2,}/?')  # of the server
PICTURES = ('.png', '.jpg', '.jpeg', '.webp', '.gif', '.bmp', '.tiff', '.ppm')
SOUNDS = ('.wav', '.flac', '.ogg', '.mp3', '.aiff', '.au')


@dataclasses.dataclass(frozen=True)
class Upload:
  """A file that somebody sent: a cell of a record.

  Attributes:
    name: what the page calls it, whatever its sender called it.
    data: its bytes.
  """

  name: str
  data: bytes

  def read(self) -> bytes:
    """Its bytes."""
    return self.data


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
  """What the page takes."""

  megabytes: float = 16.0
  """Largest file that may be uploaded."""
  pictures: tuple[str, ...] = PICTURES
  """Endings of the files that are offered and taken as pictures."""
  sounds: tuple[str, ...] = SOUNDS
  """Endings of the files that are offered and taken as sounds."""
  characters: int = 1000
  """Longest text."""
  classes: int = 64
  """Most classes, and most prompts for them, that may be typed in."""
  class_characters: int = 100
  """Longest name of a class, and longest prompt."""
  questions: int = 50
  """Most questions of a dialogue."""
  waiting: int = 32
  """People who may wait for an answer; others are told to come back."""

  def __post_init__(self):
    """Checks the numbers and the endings."""
    for name in (
      'megabytes', 'characters', 'classes', 'class_characters', 'questions',
      'waiting',
    ):  # fmt: skip
      if getattr(self, name) <= 0:
        raise InputError(f'{name} {getattr(self, name)} is not above 0')
    for name, known in (('pictures', PICTURES), ('sounds', SOUNDS)):
      for ending in getattr(self, name):
        if ending not in known:
          raise InputError(f'{name}: {ending!r} is none of {", ".join(known)}')

  @property
  def bytes(self) -> int:
    """The largest upload."""
    return int(self.megabytes * 2**20)

  def text(self, text: str | None) -> str | None:
    """The text without space around it; None if nothing is left.

    Raises:
      InputError: it is too long.
    """
    text = (text or '').strip()
    if len(text) > self.characters:
      raise InputError(
        f'The text has {len(text)} characters, more than {self.characters}.'
      )
    return text or None

  def class_names(self, text: str | None) -> tuple[str, ...]:
    """Names of classes, one a line.

    Raises:
      InputError: they are fewer than two, too many, too long, or the same.
    """
    names = self._lines(text, 'class', 'classes')
    if len(names) < 2:
      raise InputError('Give two classes or more, one a line.')
    for name in names:
      if names.count(name) > 1:
        raise InputError(f'The class {name!r} is there twice.')
    return names

  def prompts(self, text: str | None) -> tuple[str, ...]:
    """Templates of prompts, one a line; the name alone if there is none.

    Raises:
      InputError: they are too many or too long, or lack a place for the name.
    """
    prompts = self._lines(text, 'prompt', 'prompts')
    if not all('{}' in prompt for prompt in prompts):
      raise InputError('Each prompt needs a place {} for the class.')
    return prompts or ('{}',)

  def _lines(self, text: str | None, one: str, many: str) -> tuple[str, ...]:
    lines = [' '.join(line.split()) for line in (text or '').splitlines()]
    lines = [line for line in lines if line]
    if len(lines) > self.classes:
      raise InputError(
        f'There are {len(lines)} {many}, more than {self.classes}.'
      )
    longest = max(map(len, lines), default=0)
    if longest > self.class_characters:
      raise InputError(
        f'A {one} has {longest} characters, more than {self.class_characters}.'
      )
    return tuple(lines)

  def picture(self, file: str | None) -> Upload | None:
    """The uploaded picture, or None if there is none; it is not decoded.

    Raises:
      InputError: it is too large, or not called like a picture.
    """
    return self._upload(file, 'picture', self.pictures)

  def sound(self, file: str | None) -> Upload | None:
    """The uploaded or recorded sound; see `picture`."""
    return self._upload(file, 'sound', self.sounds)

  def _upload(
    self, file: str | None, what: str, endings: tuple[str, ...]
  ) -> Upload | None:
    if not file:
      return None
    path = Path(file)
    if path.suffix.lower() not in endings:
      raise InputError(
        f'This page takes {what}s that end in {", ".join(endings)}.'
      )
    try:
      with path.open('rb') as f:
        data = f.read(self.bytes + 1)
    except OSError as error:
      # Its path is nobody's business.
      raise InputError(f'The {what} did not arrive; send it again.') from error
    if len(data) > self.bytes:
      raise InputError(f'The {what} is larger than {self.megabytes:g} MiB.')
    if not data:
      raise InputError(f'The {what} is an empty file.')
    return Upload(f'this {what}', data)


def sentence(error: Exception) -> str:
  """What is wrong, for the page: no path and no trace."""
  if isinstance(error, RecordError):
    text = error.reason
  elif isinstance(error, InputError):
    text = str(error)
  else:
    text = 'Something went wrong inside; the log of the server tells what'
  text = _PATH.sub('…', text)
  text = text[:1].upper() + text[1:]
  return text if text.endswith(('.', '!', '?')) else f'{text}.'
