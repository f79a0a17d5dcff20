"""What stands in a folder of Tux Paint stamps, by names alone.

A stamp is `CATEGORY/.../NAME.txt`: its English description on line 1, others
on lines `LANG.utf8=...`. Beside it stand `NAME.png` or `NAME.svg`, speech:
`NAME_desc.ogg` (English) and `NAME_desc_LANG.ogg`, and what the thing sounds
like: `NAME.ogg`.
"""

import dataclasses
import difflib
import hashlib
import os
import re
from collections.abc import Mapping, Sequence

from mmjax.data.errors import RecordError
from mmjax.types import InputError

PACKAGE = 'tuxpaint-stamps-default'
_HINT = (
  f'install the Debian package {PACKAGE} (apt-get install {PACKAGE}) or name '
  'another folder with --data.root'
)
# One Danish description of the package ends in `.ogg.ogg`.
_SPEECH = re.compile(
  r'(?P<name>.+)_desc(_(?P<language>[a-z]{2,3}(_[A-Z]{2})?(@[a-z]+)?))?'
  r'(\.ogg){1,2}'
)
_TEXT = re.compile(r'(?P<language>[a-z]{2,3}(_[A-Z]{2})?(@[a-z]+)?)\.utf8=')


@dataclasses.dataclass(frozen=True, kw_only=True)
class StampFiles:
  """The files of one stamp, relative to the stamps folder, with `/`.

  Attributes:
    text: the `.txt`; this is the stamp's name, too.
    picture: `.png`, else `.svg`, else None.
    speech: the spoken description in each language that has one.
    noise: what the thing sounds like, such as a dog's bark; else None.
  """

  text: str
  picture: str | None
  speech: Mapping[str, str]
  noise: str | None = None

  @property
  def category(self) -> str:
    """First folder of the path: the label."""
    return self.text.split('/')[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
  """All stamps of a folder.

  Attributes:
    root: the folder.
    stamps: sorted by name.
    digest: changes with the name, size or time of any file of a stamp.
  """

  root: str
  stamps: Sequence[StampFiles]
  digest: str


def scan(root: str, *, categories: Sequence[str]) -> Listing:
  """Lists the stamps of a folder; opens no file.

  Raises:
    InputError: the folder is missing, is unreadable, has no stamps, or has
      stamps in another first folder than `categories`.
  """
  root = os.path.expanduser(root)
  if not os.path.exists(root):
    raise InputError(f'no stamps folder {root}: {_HINT}')
  if not os.path.isdir(root):
    raise InputError(f'{root} is a file, not a folder of stamps: {_HINT}')
  files = _walk(root)
  stamps = _stamps(files)
  if not stamps:
    raise InputError(f'{root} holds no stamps (CATEGORY/NAME.txt): {_HINT}')
  for stamp in stamps:
    if stamp.category not in categories:
      near = difflib.get_close_matches(stamp.category, categories, 1, 0)
      raise InputError(
        f'{root}/{stamp.text} is in the folder {stamp.category!r}, which is '
        f'none of the {len(categories)} categories (nearest: {near[0]!r}): '
        'name the folder above the categories with --data.root, or others '
        'with --data.categories'
      )
  used = [
    name
    for stamp in stamps
    for name in (
      stamp.text,
      stamp.picture,
      stamp.noise,
      *stamp.speech.values(),
    )
    if name
  ]
  digest = hashlib.sha256()
  for name in used:
    digest.update(f'{name}\0{files[name]}\n'.encode())
  return Listing(root=root, stamps=stamps, digest=digest.hexdigest()[:16])


def read_texts(file: str) -> dict[str, str]:
  """The descriptions in a stamp's `.txt`, by language; line 1 is 'en'.

  Raises:
    RecordError: the file cannot be read or is not UTF-8.
  """
  try:
    with open(file, encoding='utf-8-sig', newline='\n') as f:
      first, *others = f.read().split('\n')
  except (OSError, UnicodeDecodeError) as error:
    raise RecordError(f'cannot read this text: {error}', file=file) from error
  texts = {'en': first.strip()}
  for line in others:
    if match := _TEXT.match(line):
      texts[match['language']] = line[match.end() :].strip()
  return {language: text for language, text in texts.items() if text}


def _walk(root: str) -> dict[str, str]:
  """Size and time of every file that may belong to a stamp, by name."""

  def unreadable(error: OSError):
    raise InputError(f'cannot read the stamps folder: {error}') from error

  files = {}
  for folder, _, names in os.walk(root, onerror=unreadable, followlinks=True):
    for name in names:
      if name.endswith(('.txt', '.png', '.svg', '.ogg')):
        file = os.path.join(folder, name)
        relative = os.path.relpath(file, root).replace(os.sep, '/')
        try:
          stat = os.stat(file)
        except OSError:  # a broken link: decoding will name it
          files[relative] = 'missing'
        else:
          files[relative] = f'{stat.st_size} {stat.st_mtime_ns}'
  return files


def _stamps(files: Mapping[str, str]) -> list[StampFiles]:
  speech: dict[str, dict[str, str]] = {}
  for name in sorted(files):
    if match := _SPEECH.fullmatch(name):
      language = match['language'] or 'en'
      speech.setdefault(match['name'], {})[language] = name
  stamps = []
  for name in sorted(files):
    # A text beside the categories (a README) describes no stamp.
    if name.endswith('.txt') and '/' in name:
      stem = name.removesuffix('.txt')
      pictures = [f'{stem}{end}' for end in ('.png', '.svg')]
      noise = f'{stem}.ogg'
      stamps.append(
        StampFiles(
          text=name,
          picture=next((file for file in pictures if file in files), None),
          speech=speech.get(stem, {}),
          noise=noise if noise in files else None,
        )
      )
  return stamps
