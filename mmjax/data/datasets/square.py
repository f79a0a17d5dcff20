"""Square: which thing around the viewer is meant by a spoken question.

Generated (`square_world.py`), with Tux Paint's stamps for things
(https://tuxpaint.org, GPL-2) and synthetic voices; needs the Debian packages
tuxpaint-stamps-default and espeak-ng.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32

from mmjax.data import audio, espeak, spoken
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import (
  scenes_stamps,
  square_questions,
  square_world,
  stamps,
  stamps_files,
)
from mmjax.data.datasets.commands import ACCENTS, SPEAKERS
from mmjax.data.espeak import Request
from mmjax.data.known_words import KnownWords
from mmjax.data.pink import in_noise
from mmjax.data.transforms import Transform
from mmjax.data.transforms.sounds import SoundTransform
from mmjax.types import InputError

THINGS = (3, 5)  # that a square is to have; one without place is left out
READINGS = 5  # of the position
_OFF = (0.4, 0.08)  # metres and radians of error of a reading
_TAKES = {'train': 2, 'validation': 4, 'test': 4}  # of a sentence and speaker
_DECIBELS = 10.0  # of speech over noise, in evaluation
_LEAD = 0.2  # seconds of noise before a question, at most


class Asked(NamedTuple):
  """A question as it is said.

  Attributes:
    meaning: its place in `square_questions.MEANINGS`.
    request: who says what.
  """

  meaning: int
  request: Request


@dataclasses.dataclass(frozen=True, kw_only=True)
class Square:
  """The data set.

  A picture of three to five things, of which some may hide behind others; five
  readings of a position, each with an error; and a question. Some have nothing
  as their answer. Training never sees a square twice: each is a function of the
  seed and of its place in the order of training; others of the seed and the
  row. No two splits share a stamp, a voice or a phrasing.
  """

  root: str = '/usr/share/tuxpaint/stamps'
  """Folder of stamps, as the Debian package tuxpaint-stamps-default has it."""
  cache: str = '~/.cache/mmjax'
  """Folder for stamps that were cut out (25 MB) and voices (85 MB)."""
  image_size: int = 96
  """Side of the pictures in pixels."""
  audio_seconds: float = 2.6
  """Length of the audio array at 16 kHz."""
  noise: tuple[float, float] = (0.0, 30.0)
  """Training only: least and most decibels of speech over noise."""
  augment: tuple[Transform, ...] = ()
  """What happens to a stamp's colours in training, first to last."""
  augment_sound: tuple[SoundTransform, ...] = ()
  """What happens to a voice in training, before there is noise."""
  words: KnownWords = KnownWords(words=square_questions.WORDS, length=12)
  """Turns what is asked into token ids, for figures and baselines."""
  speakers: Mapping[str, tuple[str, ...]] = dataclasses.field(
    default_factory=lambda: dict(SPEAKERS)
  )
  """Voices of each split."""
  examples: Mapping[str, int] = dataclasses.field(
    default_factory=lambda: {'train': 8192, 'validation': 200, 'test': 600}
  )
  """Squares of each split."""
  seed: int = 0
  """Seed of the squares that do not change, and of the voices."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """Nothing can be wrong with one square."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    if self.image_size < 16:
      raise InputError(f'image_size {self.image_size} is below 16')
    if self.audio_seconds <= 0:
      raise InputError(f'audio_seconds {self.audio_seconds} is not positive')
    if self.noise[0] > self.noise[1]:
      raise InputError(f'noise {self.noise} is not in order')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """What a thing is, and what is asked for."""
    return {
      'things': tuple(square_questions.NOUNS),
      'asked': square_questions.MEANINGS,
    }

  def check(self) -> None:
    """Looks whether there are stamps and a synthesiser.

    Raises:
      InputError: one of them is missing.
    """
    stamps_files.scan(self.root, categories=stamps.CATEGORIES)
    espeak.find_library()

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Rows of a split; the first call cuts stamps out and lets voices speak.

    Raises:
      InputError: there is no such split or view, no stamp of a category falls
        into it, or the cache cannot be written.
    """
    check_name('split of squares', split, SPLITS)
    check_name('view of squares', view, ('default',))
    file = scenes_stamps.prepare(
      self.root, cache=self.cache, categories=stamps.CATEGORIES
    )
    choices = scenes_stamps.of_split(
      file, split, categories=tuple(square_questions.NOUNS)
    )
    asked = _asked(split, tuple(self.speakers[split]), self.seed)
    folder = spoken.prepare(
      [one.request for one in asked], cache=self.cache, kind='square'
    )
    by_meaning = [
      np.flatnonzero([one.meaning == i for one in asked])
      for i in range(len(square_questions.MEANINGS))
    ]
    row = {
      'file': file,
      'folder': folder,
      'choices': choices,
      'sentences': by_meaning,
      'texts': [one.request.text for one in asked],
      'split': SPLITS.index(split),
    }
    return [{**row, 'row': i} for i in range(self.examples[split])]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """Arrays of one square.

    Returns:
      image uint8 [image_size image_size 3]; position float32 [5 4], readings of
      metres east and north and the sine and cosine of the heading; audio
      float32 [16,000 * audio_seconds]; text int32 [12], the words; their masks;
      things int32 [5], categories, -1 where there is none; boxes float32 [5 4],
      left, top, right, bottom of what is seen, 0 to 1; places float32 [5 2],
      metres east and north; answer int32, which of the things is meant, -1 for
      none; asked int32.
    """
    train = rng is not None
    if rng is None:
      rng = np.random.default_rng((self.seed, example['split'], example['row']))
    names, view = self._look(example, rng, train=train)
    pose = square_world.draw_pose(rng)
    world = square_world.to_world(view.places, pose)
    categories = [names[number] for number in view.numbers]
    meaning, answer = square_questions.draw(categories, view.places, world, rng)
    sentences = example['sentences'][meaning]
    sentence = int(sentences[rng.integers(len(sentences))])
    decibels = rng.uniform(*self.noise) if train else _DECIBELS
    said = spoken.read(example['folder'], sentence).samples
    voice = said.astype(np.float32) / 32768
    for transform in self.augment_sound if train else ():
      voice = transform(voice, rng)
    sound, sound_mask = audio.to_length(
      _later(voice, decibels, rng), round(self.audio_seconds * audio.RATE)
    )
    ids, ids_mask = self.words(example['texts'][sentence])
    count, most = len(categories), THINGS[1]
    things = np.full(most, -1, np.int32)
    things[:count] = [names.index(category) for category in categories]
    boxes, places = np.zeros((most, 4), np.float32), np.zeros((most, 2))
    boxes[:count], places[:count] = view.boxes, world
    return {
      'image': view.image,
      'position': _readings(pose, rng),
      'audio': sound,
      'text': ids,
      'mask': {
        'image': np.True_,
        'position': np.ones(READINGS, bool),
        'audio': sound_mask,
        'text': ids_mask,
      },
      'things': things,
      'boxes': boxes,
      'places': places.astype(np.float32),
      'answer': np.int32(answer),
      'asked': np.int32(meaning),
    }

  def _look(
    self, example: Example, rng: np.random.Generator, *, train: bool
  ) -> tuple[tuple[str, ...], square_world.View]:
    """Categories, and a view with two things at least."""
    cutouts = scenes_stamps.read(example['file'])

    def draw():
      number = int(rng.integers(len(square_questions.NOUNS)))
      choices = example['choices'][number]
      cut = cutouts.cut(int(choices[rng.integers(len(choices))]))
      for transform in self.augment if train else ():
        cut = transform(cut, rng)
      return cut[:, ::-1] if rng.random() < 0.5 else cut, number

    least, most = THINGS
    while True:
      count = int(rng.integers(least, most + 1))
      view = square_world.look(self.image_size, count, draw, rng)
      if len(view.numbers) > 1:
        return tuple(square_questions.NOUNS), view


def _readings(
  pose: square_world.Pose, rng: np.random.Generator
) -> Float32[np.ndarray, 'f 4']:
  """A position as it is measured."""
  place = pose.place + rng.normal(0, _OFF[0], (READINGS, 2))
  heading = pose.heading + rng.normal(0, _OFF[1], READINGS)
  measured = [*place.T, np.sin(heading), np.cos(heading)]
  return np.stack(measured, axis=1).astype(np.float32)


def _later(
  voice: Float32[np.ndarray, ' s'], decibels: float, rng: np.random.Generator
) -> Float32[np.ndarray, ' s2']:
  """Speech after a moment, in noise."""
  lead = np.zeros(round(rng.uniform(0, _LEAD) * audio.RATE), np.float32)
  clean = np.concatenate([lead, voice])
  return in_noise(clean, decibels, rng)


@functools.lru_cache(maxsize=8)
def _asked(split: str, speakers: tuple[str, ...], seed: int) -> Sequence[Asked]:
  """Each phrasing by each speaker, each time a little differently."""
  rng = np.random.default_rng((seed, SPLITS.index(split)))
  found = []
  for meaning, name in enumerate(square_questions.MEANINGS):
    for ways in square_questions.phrasings(name, split):
      for speaker in speakers * _TAKES[split]:
        request = Request(
          ways[rng.integers(len(ways))],
          f'{ACCENTS[rng.integers(len(ACCENTS))]}+{speaker}',
          words_a_minute=int(rng.integers(170, 220)),
          pitch=int(rng.integers(30, 70)),
        )
        found.append(Asked(meaning, request))
  return found
