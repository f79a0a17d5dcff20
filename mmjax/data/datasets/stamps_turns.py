"""What is asked of a stamp in a dialogue, and how; and what is answered."""

from typing import NamedTuple

import numpy as np

from mmjax.data import splits
from mmjax.data.datasets.stamps import SPOKEN
from mmjax.data.datasets.stamps_cache import Stamp
from mmjax.data.datasets.stamps_items import LANGUAGES
from mmjax.data.espeak import Request

NAMES = ('fr', 'de', 'es')
"""Languages in which it is asked how something is called."""
_ASKED = {
  'category': (
    'Which category is it?',
    'What kind of thing is this?',
    'Where does it belong?',
  ),
  'name': ('What is it?', 'What do you see?', 'How is it called?'),
  **{
    f'name_{name}': (
      f'How is it called in {LANGUAGES[name]}?',
      f'What is that in {LANGUAGES[name]}?',
    )
    for name in NAMES
  },
  'language': (
    'Which language is spoken?',
    'What language do you hear?',
    'In which language is that?',
  ),
  'sound': ('What makes this sound?', 'What does that sound like?'),
}
KINDS = tuple(_ASKED)
"""What is asked for."""
PHRASES = tuple(phrase for some in _ASKED.values() for phrase in some)
"""All questions."""
VOICES = ('en-us+m1', 'en-us+f1', 'en-gb-x-rp+m2', 'en-gb-x-rp+f2', 'en+m4')
"""Of spoken questions in training."""
TEST_VOICES = ('en-us+f4', 'en+m3')
REQUESTS = tuple(
  Request(phrase, voice=voice)
  for voice in (*VOICES, *TEST_VOICES)
  for phrase in PHRASES
)
"""All spoken questions."""
_PLACES = {(one.text, one.voice): i for i, one in enumerate(REQUESTS)}
_LANGUAGES_SCORED = 2  # of those that a stamp is described in


class Turn(NamedTuple):
  """What can be asked, and its answer.

  Attributes:
    kind: what is asked for, one of `KINDS`.
    answer: the text.
    speech: language of the speech that the question is about, or none.
    noise: whether it is about what the thing sounds like.
  """

  kind: str
  answer: str
  speech: str | None = None
  noise: bool = False

  @property
  def sounds(self) -> int:
    """How many the question is about."""
    return int(self.noise or self.speech is not None)

  def tells(self, other: 'Turn') -> bool:
    """Whether its answer helps to guess the other one.

    Which language somebody speaks says nothing of what is seen, and the other
    way round; a name says much of the category.
    """
    return 'language' not in (self.kind, other.kind) or self.kind == other.kind


class Question(NamedTuple):
  """A turn as it is asked.

  Attributes:
    turn: what is asked.
    phrase: how.
    voice: that which says it; None for a question in writing.
  """

  turn: Turn
  phrase: str
  voice: str | None

  @property
  def place(self) -> int:
    """Which of the `REQUESTS` it is."""
    return _PLACES[self.phrase, str(self.voice)]


def turns_of(stamp: Stamp) -> list[Turn]:
  """All that can be asked of a stamp."""
  found = []
  if stamp.image is not None:
    found.append(Turn('category', stamp.category))
    names = {'name': 'en', **{f'name_{name}': name for name in NAMES}}
    found += [
      Turn(kind, stamp.texts[language])
      for kind, language in names.items()
      if language in stamp.texts
    ]
  found += [
    Turn('language', LANGUAGES[language], speech=language)
    for language in stamp.speech
    if language in SPOKEN
  ]
  if stamp.noise is not None:
    found.append(Turn('sound', stamp.category, noise=True))
  return found


def drawn(
  stamp: Stamp,
  rng: np.random.Generator,
  *,
  turns: int,
  sounds: int,
  spoken_rate: float,
) -> list[Question]:
  """A dialogue for training: one to `turns` questions of different kinds.

  Args:
    stamp: what is asked about.
    rng: draws kinds, languages, phrases and voices.
    turns: most questions.
    sounds: most sounds, of all questions together.
    spoken_rate: share of questions that are spoken, while there is room.
  """
  kinds: dict[str, list[Turn]] = {}
  for turn in turns_of(stamp):
    kinds.setdefault(turn.kind, []).append(turn)
  asked: list[Question] = []
  for name in rng.permutation([*kinds])[: rng.integers(1, turns + 1)]:
    turn = kinds[name][rng.integers(len(kinds[name]))]
    phrases = _ASKED[turn.kind]
    phrase = phrases[rng.integers(len(phrases))]
    voice = None
    if rng.random() < spoken_rate:
      voice = VOICES[rng.integers(len(VOICES))]
    needs = turn.sounds + (voice is not None)
    if needs > sounds:
      voice, needs = None, turn.sounds
    if needs <= sounds:
      asked.append(Question(turn, phrase, voice))
      sounds -= needs
  return asked


def scored(stamp: Stamp, *, sounds: int, spoken: bool) -> list[list[Question]]:
  """Dialogues whose last answer is scored: always the same.

  What is said before it tells nothing of it.

  Args:
    stamp: what is asked about.
    sounds: most sounds of a dialogue.
    spoken: whether the last question is.
  """
  turns = turns_of(stamp)
  heard = [turn for turn in turns if turn.kind == 'language']
  first = splits.number_of(stamp.name) % max(len(heard), 1)
  chosen = (heard[first:] + heard[:first])[:_LANGUAGES_SCORED]
  dialogues = []
  for turn in turns:
    if turn.kind == 'language' and turn not in chosen:
      continue
    number = splits.number_of(f'{stamp.name} {turn}')
    left = sounds - turn.sounds - spoken
    others = [
      other
      for other in turns
      if not turn.tells(other) and other.sounds <= max(left, 0)
    ]
    before = [others[number % len(others)]] if others and number % 2 else []
    voice = TEST_VOICES[number % len(TEST_VOICES)] if spoken else None
    dialogues.append(
      [
        *(Question(one, _phrase(one, number), None) for one in before),
        Question(turn, _phrase(turn, number), voice),
      ]
    )
  return dialogues


def _phrase(turn: Turn, number: int) -> str:
  phrases = _ASKED[turn.kind]
  return phrases[number // 2 % len(phrases)]
