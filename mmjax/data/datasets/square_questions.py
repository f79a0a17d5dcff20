"""What is asked about things on a square, in which words: for `Square`."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

NOUNS = {
  'animals': 'animal', 'food': 'food', 'symbols': 'sign', 'vehicles': 'vehicle'
}  # fmt: skip
"""Category of stamps -> what it is called in a question."""
ORDERS = {
  'nearest': ('nearest to me', 'closest to me'),
  'farthest': ('farthest from me', 'farthest away'),
  'left': ('farthest to the left', 'farthest left'),
  'right': ('farthest to the right', 'farthest right'),
  'east': ('farthest to the east', 'farthest east'),
  'north': ('farthest to the north', 'farthest north'),
  'west': ('farthest to the west', 'farthest west'),
  'south': ('farthest to the south', 'farthest south'),
  'fountain': ('nearest to the fountain', 'closest to the fountain'),
}
"""What things can be put in order by -> how that is said."""
MEANINGS = (*NOUNS, *ORDERS)
"""All that can be asked for."""
KINDS = (
  tuple(NOUNS),
  ('nearest', 'farthest', 'left', 'right'),
  ('east', 'north', 'west', 'south'),
  ('fountain',),
)
"""What needs no position, in two parts; what needs a heading, and a place."""
_OF_NOUNS = {
  'train': (
    'where is the {}', 'show me the {}', 'is there any {} here',
    'point to the {}', 'I want to see the {}', 'which thing is the {}',
  ),
  'validation': ('show me where the {} is',),
  'test': ('is the {} here', 'where is there any {}'),
}  # fmt: skip
_OF_ORDERS = {
  'train': (
    'what is {}', 'which thing is {}', 'what stands {}',
    'show me what is {}', 'point to the thing {}',
    'I want to see what stands {}',
  ),
  'validation': ('show me the thing {}',),
  'test': ('which thing stands {}', 'point to what is {}'),
}  # fmt: skip
MARGINS = {'nearest': 0.5, 'farthest': 0.5, 'left': 0.12, 'right': 0.12}
"""By how much a thing is the first: metres, or tangents of the bearing."""
_MARGIN = 0.8  # of what needs the position, which is not known better
_ABSENT = 0.3  # of the questions for a category that is not there, are asked


def phrasings(meaning: str, split: str) -> tuple[tuple[str, ...], ...]:
  """Sentences of a split; each may be said in several ways."""
  if meaning in NOUNS:
    return tuple((s.format(NOUNS[meaning]),) for s in _OF_NOUNS[split])
  return tuple(
    tuple(s.format(order) for order in ORDERS[meaning])
    for s in _OF_ORDERS[split]
  )


WORDS = tuple(sorted({
  word
  for meaning in MEANINGS
  for split in _OF_NOUNS
  for ways in phrasings(meaning, split)
  for text in ways
  for word in text.lower().split()
}))  # fmt: skip
"""All words of all questions."""


def rank(
  meaning: str,
  places: Float[np.ndarray, 'm 2'],
  world: Float[np.ndarray, 'm 2'],
) -> Float[np.ndarray, ' m']:
  """How far each thing is what one of `ORDERS` asks for; the most is.

  Args:
    meaning: what is asked for.
    places: metres ahead and to the left.
    world: metres east and north.
  """
  ahead, left = places.T
  east, north = world.T
  return {
    'nearest': -np.hypot(ahead, left),
    'farthest': np.hypot(ahead, left),
    'left': left / ahead,
    'right': -left / ahead,
    'east': east,
    'north': north,
    'west': -east,
    'south': -north,
    'fountain': -np.hypot(east, north),
  }[meaning]


def answer(
  meaning: str,
  categories: Sequence[str],
  places: Float[np.ndarray, 'm 2'],
  world: Float[np.ndarray, 'm 2'],
) -> int | None:
  """The thing that is asked for, -1 if there is none, None if it is not clear.

  Args:
    meaning: what is asked for.
    categories: of the things.
    places: metres ahead and to the left of each.
    world: metres east and north of each.
  """
  if meaning in NOUNS:
    there = np.flatnonzero([category == meaning for category in categories])
    if len(there) > 1:
      return None
    return int(there[0]) if len(there) else -1
  score = rank(meaning, places, world)
  first, second = np.sort(score)[:-3:-1]
  if first - second < MARGINS.get(meaning, _MARGIN):
    return None
  return int(score.argmax())


def draw(
  categories: Sequence[str],
  places: Float[np.ndarray, 'm 2'],
  world: Float[np.ndarray, 'm 2'],
  rng: np.random.Generator,
) -> tuple[int, int]:
  """A question that has a clear answer: number of its meaning, and the answer.

  Args:
    categories: of two things at least.
    places: metres ahead and to the left of each.
    world: metres east and north of each.
    rng: decides.
  """
  while True:
    kind = KINDS[rng.choice(len(KINDS), p=(0.3, 0.3, 0.25, 0.15))]
    meaning = kind[rng.integers(len(kind))]
    found = answer(meaning, categories, places, world)
    if found is None or (found < 0 and rng.random() > _ABSENT):
      # Where nothing else is clear, that something is not there is.
      continue
    return MEANINGS.index(meaning), found
