"""Commands: what is said to a house by synthetic voices, and what is meant.

All of it is generated; needs the Debian package espeak-ng. The words are there
for baselines and figures: a model for this data hears.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from mmjax.data import audio, espeak, spoken
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import commands_phrases as phrases
from mmjax.data.espeak import Request
from mmjax.data.known_words import KnownWords
from mmjax.data.pink import in_noise
from mmjax.types import InputError

ACCENTS = ('en', 'en-us', 'en-gb-x-rp')
SPEAKERS = {
  'train': (
    'm1', 'm2', 'm4', 'm5', 'm6', 'm7', 'f1', 'f2', 'f3', 'f5', 'Alex',
    'Andrea', 'Annie', 'Denis', 'Lee', 'linda', 'Mike', 'steph',
  ),
  'validation': ('m8', 'shelby'),
  'test': ('m3', 'f4', 'Andy', 'anika'),
}  # fmt: skip
VIEWS = ('default', 'clean', 'noise', 'known_phrasings', 'known_voices')
_DECIBELS = 10.0  # of speech over noise, in evaluation
_LEAD = 0.3  # seconds of noise before a command, at most


@dataclasses.dataclass(frozen=True, kw_only=True)
class Commands:
  """The data set: a command is a function of the seed, its split and its row.

  Validation and test have phrasings and voices of their own. All is said once
  and kept; each time that training shows a command, it has another noise.
  Views:

    default: 10 dB more speech than noise.
    noise:DB: so many decibels more.
    clean: no noise.
    known_phrasings: as default, in training's phrasings.
    known_voices: as default, in training's voices.
  """

  cache: str = '~/.cache/mmjax'
  """Folder for the voices (65 MB for a thousand commands)."""
  commands: int = 6000
  """Of the training split."""
  evaluated: int = 500
  """Commands of the validation split; the test split has twice as many."""
  audio_seconds: float = 3.6
  """Length of the audio array at 16 kHz."""
  words: KnownWords = KnownWords(words=phrases.WORDS, length=20)
  """Turns what is said into token ids."""
  noise: tuple[float, float] = (0.0, 30.0)
  """Training only: least and most decibels of speech over noise."""
  seed: int = 0
  """Seed of all commands."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """Nothing can be wrong with one example."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    for name in ('commands', 'evaluated'):
      if getattr(self, name) < 1:
        raise InputError(f'{name} {getattr(self, name)} is below 1')
    if self.audio_seconds <= 0:
      raise InputError(f'audio_seconds {self.audio_seconds} is not positive')
    if self.noise[0] > self.noise[1]:
      raise InputError(f'noise {self.noise} is not in order')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """Intents, and the values of each slot, the first of which is none."""
    return {'intent': tuple(phrases.INTENTS), **phrases.SLOTS}

  def check(self) -> None:
    """Looks whether there is a synthesiser.

    Raises:
      InputError: there is none.
    """
    espeak.find_library()

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Commands of a split.

    Raises:
      InputError: there is no such split or view.
    """
    check_name('split of commands', split, SPLITS)
    name, _, decibels = view.partition(':')
    check_name('view of commands', name, VIEWS)
    noise = None if name == 'clean' else _DECIBELS
    if name == 'noise':
      try:
        noise = float(decibels)
      except ValueError:
        raise InputError(
          f'view {view!r} of commands: {decibels!r} is no number of decibels'
        ) from None
    counts = self.commands, self.evaluated, 2 * self.evaluated
    drawn = _drawn(
      phrasings='train' if name == 'known_phrasings' else split,
      speakers='train' if name == 'known_voices' else split,
      seed=(self.seed, SPLITS.index(split)),
      count=counts[SPLITS.index(split)],
    )
    requests = [request for _, request in drawn]
    folder = spoken.prepare(requests, cache=self.cache, kind='commands')
    return [
      {'command': command, 'folder': folder, 'index': i, 'noise': noise}
      for i, (command, _) in enumerate(drawn)
    ]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One command, said in noise.

    Returns:
      audio float32 [16,000 * audio_seconds]; text int32 [20], the words; their
      masks; intent and each slot int32.
    """
    command, noise, own = example['command'], example['noise'], rng
    if own is None:
      # In evaluation a command always sounds the same.
      own = np.random.default_rng((self.seed, example['index']))
    else:
      noise = own.uniform(*self.noise)
    lead = np.zeros(round(own.uniform(0, _LEAD) * audio.RATE), np.float32)
    said = spoken.read(example['folder'], example['index']).samples
    clean = np.concatenate([lead, said.astype(np.float32) / 32768])
    sound, sound_mask = audio.to_length(
      in_noise(clean, noise, own), round(self.audio_seconds * audio.RATE)
    )
    ids, mask = self.words(command.text)
    slots = {
      slot: np.int32(values.index(command.slots.get(slot, phrases.NONE)))
      for slot, values in phrases.SLOTS.items()
    }
    return {
      'audio': sound,
      'text': ids,
      'mask': {'audio': sound_mask, 'text': mask},
      'intent': np.int32(tuple(phrases.INTENTS).index(command.intent)),
      **slots,
    }


@functools.lru_cache(maxsize=8)
def _drawn(
  *, phrasings: str, speakers: str, seed: tuple[int, int], count: int
) -> Sequence[tuple[phrases.Command, Request]]:
  """Commands, and how they are said."""
  found = []
  for row in range(count):
    rng = np.random.default_rng((*seed, row))
    command = phrases.draw(phrasings, rng)
    accent, speaker = rng.choice(ACCENTS), rng.choice(SPEAKERS[speakers])
    request = Request(
      command.text,
      f'{accent}+{speaker}',
      words_a_minute=int(rng.integers(170, 220)),
      pitch=int(rng.integers(30, 70)),
    )
    found.append((command, request))
  return found
