"""Talking: synthetic voices in noise, drawn mouths, and the words they say.

All of it is generated. The sentences are those of the GRID corpus: a command,
a colour, a preposition, a letter, a digit and an adverb
(https://doi.org/10.1121/1.2229005). Needs the Debian package espeak-ng.
"""

import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from mmjax.data import audio, espeak, mouths, splits, spoken
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import talking_running
from mmjax.data.espeak import Phoneme, Request
from mmjax.data.pink import in_noise
from mmjax.data.sources.records import Records
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError

GRAMMAR = (
  ('bin', 'lay', 'place', 'set'),
  ('blue', 'green', 'red', 'white'),
  ('at', 'by', 'in', 'with'),
  # Without `a`, which would be read as an article, and `w`, as in GRID.
  tuple('bcdefghijklmnopqrstuvxyz'),
  ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight',
   'nine'),
  ('again', 'now', 'please', 'soon'),
)  # fmt: skip
ACCENTS = ('en', 'en-us', 'en-gb-x-rp', 'en-gb-scotland', 'en-gb-x-gbclan')
SPEAKERS = ('m1', 'm2', 'm3', 'm4', 'm5', 'f1', 'f2', 'f3', 'f4', 'f5')
# Heard in tests alone.
TEST_SPEAKERS = ('m3', 'f4')
VIEW = ('in_step', 'out_of_step')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Talking:
  """The data set.

  Sentences are split by their MD5; a test sentence is said by a voice that is
  not heard in training. All are said once and kept; each time that training
  shows one, it has another noise and place of the mouth. Views are of the
  sentences of an evaluation split:

    default: no noise.
    in_step:DB: noise, and so many decibels more speech than noise, such as
      `in_step:-5`.
    out_of_step:DB: the same, with a video that is late by half its length, its
      end coming first.
  """

  cache: str = '~/.cache/mmjax'
  """Folder for the voices (55 MB for a thousand sentences)."""
  sentences: int = 6000
  """Of the training split."""
  evaluated: int = 400
  """Sentences of the validation split, and of the test split."""
  audio_seconds: float = 2.6
  """Length of the audio array at 16 kHz, and of the video."""
  text_length: int = 48
  """Tokens of the text array, begin and end included."""
  frames_a_second: int = 25
  """Of the video."""
  size: int = 24
  """Side of the video's pictures in pixels."""
  noise: tuple[float, float] = (-10.0, 30.0)
  """Training only: least and most decibels of speech over noise."""
  running: float = 0.0
  """Training only: share of examples that are cut out of running speech, in
  which sentences follow each other; their text is the words that are whole."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """Nothing can be wrong with one example."""

  def __post_init__(self):
    if self.audio_seconds <= 0 or self.frames_a_second < 1 or self.size < 4:
      raise InputError(
        f'audio_seconds {self.audio_seconds}, frames_a_second '
        f'{self.frames_a_second} or size {self.size} is too small'
      )
    for name, split in (('sentences', 'train'), ('evaluated', 'validation')):
      count, most = getattr(self, name), len(_sentences()[split])
      if not 1 <= count <= most:
        raise InputError(f'{name} {count} is not in 1 to {most}')
    if not 0 <= self.running <= 1:
      raise InputError(f'running {self.running} is not in 0 to 1')
    if self.noise[0] > self.noise[1]:
      raise InputError(f'noise {self.noise} is not in order')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """There are none."""
    return {}

  def as_records(self, root: str = '') -> Records:
    """Others' voices, and what they say."""
    return Records(
      root=root,
      modalities=('audio', 'text'),
      audio_seconds=self.audio_seconds,
      text_length=self.text_length,
    )

  @property
  def frames(self) -> int:
    """Pictures of the video."""
    return int(self.audio_seconds * self.frames_a_second)

  def check(self) -> None:
    """Looks whether there is a synthesiser.

    Raises:
      InputError: there is none.
    """
    espeak.find_library()

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Sentences of a split.

    Raises:
      InputError: there is no such split or view.
    """
    check_name('split of talking', split, SPLITS)
    step, _, decibels = view.partition(':')
    noise = None
    if view != 'default':
      check_name('view of talking', step, VIEW)
      try:
        noise = float(decibels)
      except ValueError:
        raise InputError(
          f'view {view!r} of talking: {decibels!r} is no number of decibels'
        ) from None
    count = self.sentences if split == 'train' else self.evaluated
    sentences = _sentences()[split][:count]
    requests = [_request(text, split) for text in sentences]
    folder = spoken.prepare(requests, cache=self.cache, kind='talking')
    row = {
      'folder': folder,
      'late': step == VIEW[1],
      'noise': noise,
      'count': count,
    }
    return [{'text': t, 'index': i, **row} for i, t in enumerate(sentences)]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One sentence, said and drawn.

    Returns:
      audio float32 [audio_length]; video float32 [frames size size 1], 0 to 1;
      text int32 [text_length]; their masks.
    """
    text, noise = example['text'], example['noise']
    read = functools.partial(spoken.read, example['folder'])
    said = read(example['index'])
    own = rng
    if own is None:
      # In evaluation a sentence always sounds and looks the same.
      own = np.random.default_rng(_hash(text))
    else:
      noise = own.uniform(*self.noise)
      if self.running and own.uniform() < self.running:
        said = talking_running.excerpt(
          read,
          example['index'],
          count=example['count'],
          seconds=self.audio_seconds,
          rng=own,
        )
        text = ' '.join(word.text.lower() for word in said.words)
    clean = said.samples.astype(np.float32) / 32768
    sound, sound_mask = audio.to_length(
      in_noise(clean, noise, own), round(self.audio_seconds * audio.RATE)
    )
    video, video_mask = self._video(
      said.phonemes, clean.size / audio.RATE, own, late=example['late']
    )
    ids, mask = ByteTokenizer(length=self.text_length)(text)
    return {
      'audio': sound,
      'video': video,
      'text': ids,
      'mask': {'audio': sound_mask, 'video': video_mask, 'text': mask},
    }

  def _video(
    self,
    phonemes: Sequence[Phoneme],
    seconds: float,
    rng: np.random.Generator,
    *,
    late: bool,
  ) -> tuple[np.ndarray, np.ndarray]:
    shapes = mouths.shapes(
      phonemes, seconds=seconds, frames_a_second=self.frames_a_second
    )[: self.frames]
    if late:
      shapes = np.roll(shapes, len(shapes) // 2, axis=0)
    drawn = mouths.draw(
      shapes,
      size=self.size,
      scale=rng.uniform(0.8, 1.0),
      shift=tuple(rng.uniform(-0.1, 0.1, 2)),
    )
    drawn += 0.03 * rng.standard_normal(drawn.shape, np.float32)
    video = np.zeros((self.frames, self.size, self.size, 1), np.float32)
    video[: len(drawn), ..., 0] = np.clip(drawn, 0, 1)
    return video, np.arange(self.frames) < len(drawn)


@functools.cache
def _sentences() -> Mapping[str, Sequence[str]]:
  """Split -> its sentences, in an order without meaning."""
  found: dict[str, list[str]] = {split: [] for split in SPLITS}
  for words in itertools.product(*GRAMMAR):
    text = ' '.join(words)
    found[splits.split_of(text)].append(text)
  return {split: sorted(texts, key=_hash) for split, texts in found.items()}


def _hash(text: str) -> int:
  digest = hashlib.md5(f'talking:{text}'.encode(), usedforsecurity=False)
  return int(digest.hexdigest()[:15], 16)


def _spelled(text: str) -> str:
  """The sentence with a capital letter, which is read as a letter."""
  return ' '.join(w.upper() if len(w) == 1 else w for w in text.split())


def _request(text: str, split: str) -> Request:
  """Who says a sentence, and how."""
  rng = np.random.default_rng(_hash(f'voice of {text}'))
  heard = [s for s in SPEAKERS if s not in TEST_SPEAKERS]
  speakers = TEST_SPEAKERS if split == 'test' else heard
  accent = ACCENTS[rng.integers(len(ACCENTS))]
  return Request(
    _spelled(text),
    f'{accent}+{speakers[rng.integers(len(speakers))]}',
    words_a_minute=int(rng.integers(140, 190)),
    pitch=int(rng.integers(30, 70)),
  )
