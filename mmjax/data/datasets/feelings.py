"""Feelings: a voice, its words and a face, which do not always agree.

Generated. The voices are espeak-ng's with another pitch, range, rate and volume
for each emotion, the words are phrases of ours, the faces are pictures of the
npm package emoji-datasource-twitter: nobody's feelings are measured.

The emotion felt is, by definition, the one that most of the three signals show;
where all differ it is that of the voice, which is the hardest to govern. People
are sincere, ironical, polite, composed or torn: `feelings_signals.py`. What is
missing changes nothing of what is felt.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import UInt8

from mmjax.data import audio, espeak, spoken
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import emoji, feelings_phrases, feelings_signals
from mmjax.data.datasets.feelings_signals import EMOTIONS, SIGNALS, SITUATIONS
from mmjax.data.espeak import Request
from mmjax.data.known_words import KnownWords
from mmjax.data.pink import in_noise
from mmjax.data.transforms import (
  ColorJitter,
  RandomAffine,
  RandomFlip,
  Resize,
)
from mmjax.types import InputError

VIEWS = ('default', 'complete', 'disagreeing')
_MISSING = 0.15
_DECIBELS = 20.0  # of speech over noise, in evaluation
_GRAIN = 6.0  # standard deviation of a pixel's noise, of 255
_LOOK = (
  RandomAffine(shift=0.08, rotate=20.0, scale=(0.75, 1.0), fill=255),
  RandomFlip(),
  ColorJitter(brightness=0.25, contrast=0.25, saturation=0.3),
)


class Person(NamedTuple):
  """Somebody at some moment.

  Attributes:
    felt: emotion.
    situation: why signals agree or do not.
    shown: signal -> emotion.
    missing: signals that do not reach us.
    text: what is said.
    face: short name of an emoji.
    request: how it is said.
  """

  felt: str
  situation: str
  shown: Mapping[str, str]
  missing: frozenset[str]
  text: str
  face: str
  request: Request


@dataclasses.dataclass(frozen=True, kw_only=True)
class Feelings:
  """The data set: a person is a function of the seed, its split and its row.

  Validation and test have voices, phrasings and faces of their own. All is said
  once and kept; each time that training shows a person, there is another noise
  and another look at the face. Views:

    default: each signal is missing in about one of seven, never all.
    complete: the same people, and nothing is missing.
    disagreeing: those of them whose signals are not all the same; complete.
  """

  cache: str = '~/.cache/mmjax'
  """Folder for the voices (70 MB for a thousand people)."""
  root: str = emoji.Emoji.root
  """Folder of the npm package emoji-datasource-twitter."""
  people: int = 4000
  """Of the training split."""
  evaluated: int = 500
  """People of the validation split; the test split has twice as many."""
  audio_seconds: float = 4.0
  """Length of the audio array at 16 kHz."""
  image_size: int = 48
  """Side of a face in pixels."""
  words: KnownWords = KnownWords(words=feelings_phrases.WORDS, length=16)
  """Turns what is said into token ids."""
  noise: tuple[float, float] = (10.0, 30.0)
  """Training only: least and most decibels of speech over noise."""
  seed: int = 0
  """Seed of all people."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What to do with a picture that cannot be read."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    for name in ('people', 'evaluated', 'image_size'):
      if getattr(self, name) < 1:
        raise InputError(f'{name} {getattr(self, name)} is below 1')
    if self.audio_seconds <= 0:
      raise InputError(f'audio_seconds {self.audio_seconds} is not positive')
    if self.noise[0] > self.noise[1]:
      raise InputError(f'noise {self.noise} is not in order')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """Emotions, and situations."""
    return {'label': EMOTIONS, 'situation': tuple(SITUATIONS)}

  def check(self) -> None:
    """Looks whether there are a synthesiser and faces.

    Raises:
      InputError: one of them is missing.
    """
    espeak.find_library()
    emoji.Emoji(root=self.root).check()

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """People of a split.

    Raises:
      InputError: there is no such split or view.
    """
    check_name('split of feelings', split, SPLITS)
    check_name('view of feelings', view, VIEWS)
    number = SPLITS.index(split)
    count = (self.people, self.evaluated, 2 * self.evaluated)[number]
    people = _people(split, seed=(self.seed, number), count=count)
    requests = [person.request for person in people]
    folder = spoken.prepare(requests, cache=self.cache, kind='feelings')
    files = emoji.Emoji(root=self.root).files()
    found = []
    for i, person in enumerate(people):
      if view == 'disagreeing' and len({*person.shown.values()}) == 1:
        continue
      given = view == 'default'
      found.append({
        'person': person if given else person._replace(missing=frozenset()),
        'file': files[person.face],
        'folder': folder,
        'split': number,
        'row': i,
      })  # fmt: skip
    return found

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One person, seen and heard.

    Returns:
      audio float32 [16,000 * audio_seconds]; text int32 [16]; image uint8
      [image_size image_size 3]; their masks; label int32, the emotion felt;
      situation int32; shown int32 [3]: the emotion of voice, words and face,
      which no model is given.

    Raises:
      RecordError: the picture is missing or damaged.
    """
    person = example['person']
    own, noise = rng, _DECIBELS
    if own is None:
      # In evaluation somebody always sounds and looks the same.
      own = np.random.default_rng((self.seed, example['split'], example['row']))
    else:
      noise = own.uniform(*self.noise)
    said = spoken.read(example['folder'], example['row']).samples
    sound = in_noise(said.astype(np.float32) / 32768, noise, own)
    voice, voice_mask = audio.to_length(
      sound, round(self.audio_seconds * audio.RATE)
    )
    ids, ids_mask = self.words(person.text)
    face = self._look(emoji.decode(example['file']), own)
    arrays = {'audio': voice, 'text': ids, 'image': face}
    masks = {'audio': voice_mask, 'text': ids_mask, 'image': np.True_}
    for signal in person.missing:
      arrays[signal] = np.zeros_like(arrays[signal])
      masks[signal] = np.zeros_like(masks[signal])
    shown = [EMOTIONS.index(person.shown[signal]) for signal in SIGNALS]
    return {
      **arrays,
      'mask': masks,
      'label': np.int32(EMOTIONS.index(person.felt)),
      'situation': np.int32(tuple(SITUATIONS).index(person.situation)),
      'shown': np.array(shown, np.int32),
    }

  def _look(
    self, face: UInt8[np.ndarray, 'h w 3'], rng: np.random.Generator
  ) -> UInt8[np.ndarray, '{self.image_size} {self.image_size} 3']:
    """The face, held and lit somehow."""
    for transform in _LOOK:
      face = transform(face, rng)
    x = Resize(size=self.image_size)(face)
    x = x + _GRAIN * rng.standard_normal(x.shape, np.float32)
    return np.clip(x, 0, 255).astype(np.uint8)


@functools.lru_cache(maxsize=8)
def _people(
  split: str, *, seed: tuple[int, int], count: int
) -> Sequence[Person]:
  """Who is met in a split, in order."""
  situations, odds = tuple(SITUATIONS), tuple(SITUATIONS.values())
  found = []
  for row in range(count):
    rng = np.random.default_rng((*seed, row))
    felt = EMOTIONS[rng.integers(len(EMOTIONS))]
    situation = situations[rng.choice(len(situations), p=odds)]
    shown = feelings_signals.situate(felt, situation, rng)
    text = feelings_phrases.draw(shown['text'], split, rng)
    faces = feelings_signals.FACES[shown['image']][split]
    face = faces[rng.integers(len(faces))]
    request = feelings_signals.say(text, shown['audio'], split, rng)
    gone = [signal for signal in SIGNALS if rng.random() < _MISSING]
    if len(gone) == len(SIGNALS):
      gone.pop(rng.integers(len(gone)))
    found.append(
      Person(felt, situation, shown, frozenset(gone), text, face, request)
    )
  return found
