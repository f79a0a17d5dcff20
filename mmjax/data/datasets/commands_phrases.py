"""What people say to a house, and what they mean: for `Commands`.

An intent has phrasings, some of which only validation or test has; those are
made of words that training has in others. Slots are filled by chance.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

_APPLIANCES = ('lamp', 'fan', 'heater', 'television', 'kettle', 'oven')
_COVERS = ('blinds', 'curtains', 'window', 'shutters')
_DOORS = ('front door', 'back door', 'gate', 'garage')
_TENS = tuple(str(n) for n in range(10, 100, 10))
_DEGREES = tuple(str(n) for n in range(16, 26))
_TIMES = ('2', '3', '5', '10', '15', '20', '30', '40', '45', '90')
NONE = ''
"""What a slot holds that a command says nothing about."""
SLOTS = {
  'device': (NONE, *_APPLIANCES, *_COVERS, *_DOORS),
  'room': (NONE, 'kitchen', 'bedroom', 'bathroom', 'hallway', 'office',
           'living room', 'nursery', 'basement'),
  'colour': (NONE, 'red', 'green', 'blue', 'yellow', 'white', 'purple'),
  'number': (NONE, *sorted({*_TENS, *_DEGREES, *_TIMES}, key=int)),
  'unit': (NONE, 'seconds', 'minutes', 'hours'),
  'genre': (NONE, 'jazz', 'rock', 'techno', 'folk', 'opera', 'blues'),
  'topic': (NONE, 'weather', 'time', 'news', 'date', 'traffic'),
}  # fmt: skip
"""Slot -> its values."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Intent:
  """Something that a house can be asked for.

  `{where}` is a room or nothing; every other name in braces is a slot.

  Attributes:
    train: phrasings that training has.
    validation: one of its own.
    test: two of its own.
    values: what fills a slot here, where that is not any value.
  """

  train: tuple[str, ...]
  validation: tuple[str, ...]
  test: tuple[str, ...]
  values: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)


INTENTS = {
  'switch_on': Intent(
    train=(
      'turn on the {device}{where}', 'turn the {device} on{where}',
      'switch on the {device}{where}', 'I want the {device} on{where}',
      'switch the {room} {device} on', 'start the {device}{where}',
      'the {device}{where} should be on', 'we need the {room} {device} on',
    ),
    validation=('the {room} {device} should be on',),
    test=('switch the {device} on{where}', 'I need the {room} {device} on'),
    values={'device': _APPLIANCES},
  ),
  'switch_off': Intent(
    train=(
      'turn off the {device}{where}', 'turn the {device} off{where}',
      'switch off the {device}{where}', 'I want the {device} off{where}',
      'switch the {room} {device} off', 'stop the {device}{where}',
      'the {device}{where} should be off', 'we need the {room} {device} off',
    ),
    validation=('the {room} {device} should be off',),
    test=('switch the {device} off{where}', 'I need the {room} {device} off'),
    values={'device': _APPLIANCES},
  ),
  'colour': Intent(
    train=(
      'make the lamp{where} {colour}', 'turn the lamp{where} {colour}',
      'I want {colour} light{where}', 'set the lamp to {colour}{where}',
      'give me {colour} light{where}', 'the light{where} should be {colour}',
      'change the {room} light to {colour}',
    ),
    validation=('set the {room} light to {colour}',),
    test=('make the light{where} {colour}',
          'change the lamp{where} to {colour}'),
  ),
  'dim': Intent(
    train=(
      'dim the lamp{where} to {number} percent',
      'set the light{where} to {number} percent',
      'make the light{where} {number} percent',
      'I want {number} percent light{where}',
      'turn the {room} light to {number} percent',
      'light{where} at {number} percent',
      'dim the light to {number} percent{where}',
    ),
    validation=('set the lamp to {number} percent{where}',),
    test=('dim the {room} lamp to {number} percent',
          'turn the lamp{where} to {number} percent'),
    values={'number': _TENS},
  ),
  'heat': Intent(
    train=(
      'heat the {room} to {number} degrees', 'make it {number} degrees{where}',
      'set the temperature{where} to {number} degrees',
      'I want {number} degrees{where}', 'it should be {number} degrees{where}',
      '{number} degrees{where}', 'change the {room} temperature to {number}',
    ),
    validation=('change the temperature to {number} degrees{where}',),
    test=('set the {room} to {number} degrees',
          'the temperature{where} should be {number} degrees'),
    values={'number': _DEGREES},
  ),
  'timer': Intent(
    train=(
      'set a timer for {number} {unit}', 'start a timer of {number} {unit}',
      'tell me when {number} {unit} are over', 'timer for {number} {unit}',
      'I need a timer for {number} {unit}', 'wake me in {number} {unit}',
      'tell me in {number} {unit}',
    ),
    validation=('set a timer of {number} {unit}',),
    test=('start a timer for {number} {unit}',
          'wake me when {number} {unit} are over'),
    values={'number': _TIMES},
  ),
  'music': Intent(
    train=(
      'play {genre}{where}', 'play some {genre} music{where}',
      'I want to hear {genre}{where}', 'start the {genre} music{where}',
      'we need some {genre}{where}', 'give me {genre} music{where}',
      'put on some {genre}{where}',
    ),
    validation=('give me some {genre}{where}',),
    test=('I want to hear some {genre} music{where}',
          'put on {genre} music{where}'),
  ),
  'open': Intent(
    train=(
      'open the {device}{where}', 'I want the {device} open{where}',
      'open the {room} {device}', 'the {device}{where} should be open',
      'we need the {device}{where} open', 'open up the {device}{where}',
    ),
    validation=('the {room} {device} should be open',),
    test=(
      'I want the {room} {device} open',
      'we need the {room} {device} open',
    ),
    values={'device': _COVERS},
  ),
  'close': Intent(
    train=(
      'close the {device}{where}', 'I want the {device} closed{where}',
      'close the {room} {device}', 'the {device}{where} should be closed',
      'we need the {device}{where} closed', 'close up the {device}{where}',
    ),
    validation=('the {room} {device} should be closed',),
    test=('I want the {room} {device} closed',
          'we need the {room} {device} closed'),
    values={'device': _COVERS},
  ),
  'lock': Intent(
    train=(
      'lock the {device}', 'lock up the {device}', 'I want the {device} locked',
      'the {device} should be locked', 'make the {device} lock',
      'can you lock the {device}',
    ),
    validation=('I need the {device} locked',),
    test=('we need the {device} locked', 'can the {device} be locked'),
    values={'device': _DOORS},
  ),
  'unlock': Intent(
    train=(
      'unlock the {device}', 'I want the {device} unlocked',
      'the {device} should be unlocked', 'make the {device} unlock',
      'can you unlock the {device}',
    ),
    validation=('I need the {device} unlocked',),
    test=('we need the {device} unlocked', 'can the {device} be unlocked'),
    values={'device': _DOORS},
  ),
  'ask': Intent(
    train=(
      'what is the {topic}', 'tell me the {topic}', 'do you know the {topic}',
      'I want to know the {topic}', 'give me the {topic}',
      'what can you tell me of the {topic}', 'I need to hear the {topic}',
    ),
    validation=('what do you know of the {topic}',),
    test=('I want to hear the {topic}', 'can you tell me the {topic}'),
  ),
}  # fmt: skip
_POLITE = (
  '{}', '{}', '{}', 'please {}', 'hey, {}', '{} please', '{} now',
  '{}, thank you',
)  # fmt: skip
_WHERE = (' in the {room}', ' in the {room}', '')


def _words() -> tuple[str, ...]:
  texts = [*_POLITE, *_WHERE]
  texts += [text for intent in INTENTS.values() for text in intent.train]
  texts = [re.sub(r'{\w*}', '', text) for text in texts]
  texts += [value for values in SLOTS.values() for value in values]
  return tuple(sorted(set(re.findall(r'\w+', ' '.join(texts).lower()))))


WORDS = _words()
"""All words of training, in small letters."""


class Command(NamedTuple):
  """What is said, and what it means.

  Attributes:
    text: the words.
    intent: one of `INTENTS`.
    slots: slot -> value, of those that are filled.
  """

  text: str
  intent: str
  slots: Mapping[str, str]

  def frame(self) -> str:
    """All that it means, on one line."""
    filled = (f'{k}={self.slots[k]}' for k in SLOTS if k in self.slots)
    return ' '.join([self.intent, *filled])


def draw(phrasings: str, rng: np.random.Generator) -> Command:
  """Any command.

  Args:
    phrasings: the split whose phrasings are used.
    rng: draws intent, phrasing and values.
  """
  name = str(rng.choice(list(INTENTS)))
  intent = INTENTS[name]
  text = str(rng.choice(getattr(intent, phrasings)))
  text = text.replace('{where}', str(rng.choice(_WHERE)))
  slots = {
    slot: str(rng.choice(intent.values.get(slot, values[1:])))
    for slot, values in SLOTS.items()
    if f'{{{slot}}}' in text
  }
  text = str(rng.choice(_POLITE)).format(text.format(**slots))
  return Command(text, name, slots)
