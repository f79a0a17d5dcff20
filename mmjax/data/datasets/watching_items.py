"""What there is to watch: stamps, each with a name and a voice of a language.

An item is a stamp in one of a few languages. Pictures, names and voices are
real (see `stamps.py`). Of some items the name is not told, of others there is
no voice; which ones, and which items are on offer at all, follows from their
names.
"""

import colorsys
import functools
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

from mmjax.data import audio, splits
from mmjax.data.dataset import SPLITS
from mmjax.data.datasets import stamps_cache
from mmjax.data.datasets.stamps import Stamps
from mmjax.data.sources.cache import made_once
from mmjax.data.transforms import Resize

SIDE = 32
SAMPLES = 8000  # the first half second of speech
# By twelfths of the circle, which begins with red.
COLORS = ('red', 'orange', 'yellow', 'green', 'blue', 'violet')
_COLOR_OF = (0, 1, 2, 3, 3, 3, 4, 4, 5, 5, 5, 0)
_LETTERS = 'symbols/alphabets'  # 158 stamps, each a letter: nothing to watch
_FORMAT = 1  # of the file: another one for every change


class Catalogue(NamedTuple):
  """All items, in the order of their numbers.

  Attributes:
    names: path of the stamp's `.txt`.
    language: place of its language among those asked for.
    split: index into `SPLITS`, that of the stamp.
    titles: its name in its language.
    titled: whether that is told.
    shelf: which folder it is in, at most two deep.
    color: index into `COLORS`, -1 for grey or many colours.
    initial: place of the title's first letter in the alphabet of the language.
    image: the picture on white.
    audio: the spoken name from where it begins, int16.
    heard: how many samples of it there are, 0 for no voice.
  """

  names: Sequence[str]
  language: Int[np.ndarray, ' n']
  split: Int[np.ndarray, ' n']
  titles: Sequence[str]
  titled: Bool[np.ndarray, ' n']
  shelf: Int[np.ndarray, ' n']
  color: Int[np.ndarray, ' n']
  initial: Int[np.ndarray, ' n']
  image: UInt8[np.ndarray, 'n 32 32 3']
  audio: np.ndarray
  heard: Int[np.ndarray, ' n']

  def sound(
    self, index: Int[np.ndarray, ' m']
  ) -> tuple[Float32[np.ndarray, 'm s'], Bool[np.ndarray, 'm s']]:
    """Voices of some items, and which of their samples are real."""
    samples = self.audio[index].astype(np.float32)
    samples *= 1 / 32_768
    return samples, np.arange(SAMPLES)[None] < self.heard[index][:, None]


def prepare(stamps: Stamps, *, languages: Sequence[str]) -> str:
  """The file of all items of a folder of stamps, made unless it is there.

  Args:
    stamps: the folder.
    languages: those of the items.

  Raises:
    InputError: there are no stamps, or the cache cannot be written.
    RecordError: a stamp cannot be read and the data set's `on_error` says so.
  """
  directory = stamps.prepared()
  key = f'{_FORMAT} {SIDE} {SAMPLES} {directory} {" ".join(languages)}'
  make = functools.partial(_write, directory, languages)
  return str(made_once(stamps.cache, 'watching', key, make))


@functools.lru_cache(maxsize=4)
def read(file: str) -> Catalogue:
  """What `prepare` wrote."""
  with np.load(file) as kept:
    columns = {name: kept[name] for name in Catalogue._fields}
  for name in ('names', 'titles'):
    columns[name] = columns[name].tolist()
  return Catalogue(**columns)


def _write(directory: str, languages: Sequence[str], file: Path) -> None:
  stamps = [
    stamp
    for split in ('train', 'test')
    for stamp in stamps_cache.read_split(directory, split)
    if stamp.image is not None and not stamp.name.startswith(_LETTERS)
  ]
  resize = Resize(size=SIDE)
  rows = []
  for stamp in sorted(stamps, key=lambda stamp: stamp.name):
    assert stamp.image is not None
    shown = {'image': resize(stamp.image), 'color': color(stamp.image)}
    for number, language in enumerate(languages):
      chosen = splits.number_of(f'{language} {stamp.name}')
      if language not in stamp.texts or chosen % 3 == 0:
        continue
      samples = _spoken(stamp.speech.get(language, np.zeros(0, np.int16)))
      heard = 0 if chosen % 4 == 1 else min(len(samples), SAMPLES)
      voice = np.zeros(SAMPLES, np.int16)
      voice[:heard] = samples[:heard]
      rows.append(
        {
          **shown,
          'names': stamp.name,
          'language': number,
          'split': SPLITS.index(splits.split_of(stamp.name)),
          'titles': stamp.texts[language],
          'titled': chosen % 4 != 2 or not heard,
          'shelf': '/'.join(stamp.name.split('/')[:-1][:2]),
          'initial': initial(stamp.texts[language]),
          'audio': voice,
          'heard': heard,
        }
      )
  columns: dict[str, Any] = {
    name: np.array([row[name] for row in rows]) for name in Catalogue._fields
  }
  columns['shelf'] = np.unique(columns['shelf'], return_inverse=True)[1]
  # The alphabet of a language is that of its titles.
  letters = columns['initial']
  columns['initial'] = np.zeros(len(rows), int)
  for number in range(len(languages)):
    own = columns['language'] == number
    places = np.unique(letters[own], return_inverse=True)[1]
    columns['initial'][own] = places
  with file.open('wb') as f:
    np.savez(f, **columns)


def initial(title: str) -> str:
  """First letter, without accents, of the first word that is no article."""
  words = re.findall(r'[^\W\d_]+', unicodedata.normalize('NFC', title))
  words = [word for word in words if len(word) > 3] or words or ['?']
  return unicodedata.normalize('NFD', words[0].lower())[0]


def color(image: UInt8[np.ndarray, 'h w 3']) -> int:
  """Which of `COLORS` a picture mostly has; -1 for grey or for many."""
  pixels = image[::4, ::4].reshape(-1, 3) / 255
  hues, strength = [], []
  for pixel in pixels:
    hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
    hues.append(hue)
    full = saturation > 0.25 and value > 0.2
    strength.append(saturation * value if full else 0.0)
  total = np.sum(strength)
  if total < 0.02 * len(pixels):
    return -1
  turn = np.sum(strength * np.exp(2j * np.pi * np.array(hues))) / total
  if np.abs(turn) < 0.5:
    return -1
  return _COLOR_OF[int(np.angle(turn) / (2 * np.pi) % 1 * 12) % 12]


def _spoken(samples: np.ndarray) -> np.ndarray:
  """The sound from where it is louder than a twentieth of its peak."""
  loud = np.abs(samples.astype(np.int32))
  if not loud.size or not loud.max():
    return samples[:0]
  first = int(np.argmax(loud > loud.max() / 20))
  return samples[max(0, first - audio.RATE // 100) :]
