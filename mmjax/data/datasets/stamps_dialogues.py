"""Dialogues about Tux Paint's stamps: several questions, asked and answered.

The questions are about a real picture, real speech in thirteen languages, and
real noises; some of them are themselves spoken, by the synthesiser espeak-ng.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float32, Int16

from mmjax.data import audio, espeak, splits, spoken, subwords
from mmjax.data.chat import ChatTemplate
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import stamps_cache
from mmjax.data.datasets import stamps_turns as turns
from mmjax.data.datasets.stamps import Stamps
from mmjax.data.datasets.stamps_cache import Stamp
from mmjax.data.datasets.stamps_turns import (
  KINDS,
  PHRASES,
  REQUESTS,
  Question,
  turns_of,
)
from mmjax.data.sources.records import Records
from mmjax.data.subwords import Subwords
from mmjax.types import InputError

VIEWS = ('default', 'spoken', 'seen')


@dataclasses.dataclass(frozen=True, kw_only=True)
class StampsDialogues:
  """The data set: in training a dialogue of a stamp is drawn.

  An evaluation row is a question; up to two turns before it say nothing that
  answers it. The picture is shown with the first question. Views:

    default: typed questions.
    spoken: the same, the last of them spoken, by voices that training has not.
    seen: as `default`, of every eighth stamp of the training split: what a
      model knows by heart.
  """

  stamps: Stamps = Stamps()
  """Where they are, and how their pictures and sounds become arrays."""
  vocabulary: int = 1000
  """Pieces of words that are learned from the training split; the ids of
  placeholders follow."""
  length: int = 128
  """Tokens of a dialogue."""
  turns: int = 3
  """Most questions of a dialogue."""
  sounds: int = 2
  """Most sounds that it has: speech and noises asked about, and questions."""
  tokens: Mapping[str, int] = dataclasses.field(
    default_factory=lambda: {'image': 17, 'audio': 8}
  )
  """Tokens of a picture and of a sound: what the model's projectors give."""
  spoken_rate: float = 0.2
  """Training only: share of the questions that are spoken."""
  blind_rate: float = 0.1
  """Training only: share of the dialogues in which nothing is seen or heard but
  the text, so that the model can be asked what it guesses from that alone."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What the stamps do with files that cannot be read is theirs to say."""

  def __post_init__(self):
    """Checks that no more is asked about sounds than can be heard."""
    if self.turns < 1 or self.sounds < 2:
      raise InputError(
        f'turns {self.turns} is below 1, or sounds {self.sounds} below the 2 '
        'of a spoken question about a sound'
      )

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """Names of what is asked for."""
    return {'kind': KINDS}

  @property
  def placeholders(self) -> Mapping[str, int]:
    """Id that stands for a token of each modality."""
    return {
      name: self.vocabulary + i for i, name in enumerate(sorted(self.tokens))
    }

  @functools.cached_property
  def chat(self) -> ChatTemplate:
    """How messages become token ids; its vocabulary is learned at first."""
    return ChatTemplate(
      tokenizer=self.tokenizer,
      length=self.length,
      placeholders=self.placeholders,
      tokens=self.tokens,
    )

  @functools.cached_property
  def tokenizer(self) -> Subwords:
    """Of what is asked and answered.

    Raises:
      InputError: the vocabulary cannot be kept.
    """
    texts = list(PHRASES)
    for _, stamp in self.stamps.located('train'):
      if splits.split_of(stamp.name) == 'train':
        texts += dict.fromkeys(turn.answer for turn in turns_of(stamp))
    file = subwords.learn_once(
      texts,
      self.stamps.cache,
      name='dialogues',
      vocabulary=self.vocabulary,
      option='--data.stamps.cache',
    )
    return Subwords(file=file, length=self.length)

  def as_records(self, root: str = '') -> Records:
    """As the stamps are."""
    return self.stamps.as_records(root)

  def check(self) -> None:
    """Looks whether the folder is there and holds stamps, and the synthesiser.

    Raises:
      InputError: it does not, or it is not installed.
    """
    self.stamps.check()
    espeak.find_library()

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Rows of a split.

    Raises:
      InputError: there is no such split or view.
    """
    check_name('split of stamps', split, SPLITS)
    check_name('view of stamps', view, VIEWS)
    said = spoken.prepare(
      REQUESTS,
      cache=self.stamps.cache,
      kind='dialogues',
      option='--data.stamps.cache',
    )
    draws = split == 'train' and view == 'default'
    stamps = self.stamps.located('train' if view == 'seen' else split)
    rows = []
    for place, stamp in stamps[:: 8 if view == 'seen' else 1]:
      row = {**place, 'chat': self.chat, 'said': said}
      if not draws:
        asked = turns.scored(stamp, sounds=self.sounds, spoken=view == 'spoken')
        rows += [{**row, 'asked': one} for one in asked]
      elif turns_of(stamp):
        rows.append({**row, 'asked': None})
    return rows

  def answers(self, split: str) -> list[tuple[str, str]]:
    """Kind and answer of every question about the stamps of a split."""
    return [
      (turn.kind, turn.answer)
      for _, stamp in self.stamps.located(split)
      for turn in turns_of(stamp)
    ]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """Arrays of one dialogue.

    Returns:
      image uint8 [1 image_size image_size 3]; audio float32 [sounds
      audio_length]; text int32 [length]; their masks, audio's bool [sounds
      audio_length]; answer bool [length], in training of all answers, else of
      the last; kind int32, of the last.
    """
    stamp = stamps_cache.read_stamp(
      example['directory'], example['split'], example['index']
    )
    asked, blind = example['asked'], False
    draws = asked is None
    if draws:
      rng = rng or np.random.default_rng(splits.number_of(stamp.name))
      asked = turns.drawn(
        stamp,
        rng,
        turns=self.turns,
        sounds=self.sounds,
        spoken_rate=self.spoken_rate,
      )
      blind = bool(rng.random() < self.blind_rate)
    messages, sounds = [], []
    for question in asked:
      heard = _sounds(question, stamp, example['said'])
      sounds += heard
      messages += _messages(question, len(heard))
    if stamp.image is not None:
      messages[0]['content'].insert(0, {'type': 'image'})
    told = example['chat'](messages)
    sound, heard = self._heard(sounds)
    return {
      'image': self.stamps.picture(stamp, rng if draws else None)[None],
      'audio': sound,
      'text': told.text,
      'mask': {
        'image': np.array([stamp.image is not None and not blind]),
        'audio': heard & (not blind),
        'text': told.mask,
      },
      'answer': told.answer if draws else _last(told.answer),
      'kind': np.int32(KINDS.index(asked[-1].turn.kind)),
    }

  def _heard(
    self, sounds: Sequence[Int16[np.ndarray, '_']]
  ) -> tuple[Float32[np.ndarray, 'n s'], Bool[np.ndarray, 'n s']]:
    """Sounds of one length, the missing ones silent, and what is real."""
    silence = [np.zeros(0, np.int16)] * (self.sounds - len(sounds))
    length = self.stamps.audio_length
    rows = [audio.to_length(x, length) for x in [*sounds, *silence]]
    return np.stack([x for x, _ in rows]), np.stack([m for _, m in rows])


def _sounds(
  question: Question, stamp: Stamp, said: str
) -> list[Int16[np.ndarray, '_']]:
  """What is heard with a question: what it is about, and itself."""
  sounds = []
  if question.turn.speech is not None:
    sounds.append(stamp.speech[question.turn.speech])
  if question.turn.noise and stamp.noise is not None:
    sounds.append(stamp.noise)
  if question.voice is not None:
    sounds.append(spoken.read(said, question.place).samples)
  return sounds


def _messages(question: Question, sounds: int) -> list[dict[str, Any]]:
  content: list[Any] = [{'type': 'audio'}] * sounds
  if question.voice is None:
    content.append({'type': 'text', 'text': question.phrase})
  return [
    {'role': 'user', 'content': content},
    {'role': 'assistant', 'content': question.turn.answer},
  ]


def _last(answer: Bool[np.ndarray, ' t']) -> Bool[np.ndarray, ' t']:
  """Of the ids of all answers those of the last."""
  ends = np.flatnonzero(np.diff(answer.astype(int), prepend=0) == 1)
  return answer & (np.arange(answer.size) >= ends[-1])
