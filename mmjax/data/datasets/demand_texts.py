"""What is said of the coming days, in words: for `Demand`.

An announcement names what happens, when it begins and how long it lasts, in
one of several wordings. Validation and test have wordings of their own, and
names of their own for what happens, made of words that training has in others.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

WEEKDAYS = (
  'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'
)  # fmt: skip
_NUMBERS = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven')
_HELD_OUT = 2  # the last so many wordings and names are not for training


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
  """Something that may happen.

  Attributes:
    names: what it is called; the last two not in training.
    factor: what it multiplies demand by, for as long as it lasts.
    days: the fewest and the most days that it lasts; None is for good.
    before: what it multiplies the day before by.
    after: what it multiplies as many days by, afterwards.
  """

  names: tuple[str, ...]
  factor: float = 1.0
  days: tuple[int, int] | None = (1, 4)
  before: float = 1.0
  after: float = 1.0


KINDS = {
  'promotion': Kind(
    names=(
      'a sale', 'an advertising campaign', 'a discount week in all shops',
      'a sale with discount', 'an advertising week', 'a campaign with discount',
    ),
    factor=1.6,
    days=(2, 5),
  ),
  'strike': Kind(
    names=(
      'a strike', 'a strike at the port', 'a walkout of the drivers',
      'a port closed by dockers', 'a strike of the drivers',
      'a walkout at the port',
    ),
    factor=0.3,
  ),
  'closure': Kind(
    names=(
      'a closure of the warehouse', 'repairs in the warehouse',
      'a stop of all deliveries', 'stocktaking in the warehouse',
      'a closure for repairs', 'a stop for stocktaking',
    ),
    factor=0.0,
    days=(1, 3),
    after=1.5,
  ),
  'holiday': Kind(
    names=(
      'a public holiday', 'a bank holiday', 'a national holiday',
      'the festival of the town', 'a holiday', 'a national festival',
    ),
    factor=0.4,
    days=(1, 1),
    before=1.3,
  ),
  'customer': Kind(
    names=(
      'a contract with a new customer', 'orders from a large customer',
      'a second chain that buys from us', 'a new contract',
      'orders from a new chain', 'a large contract',
    ),
    factor=1.4,
    days=None,
  ),
  'rival': Kind(
    names=(
      'a cheaper rival', 'a rival shop next door', 'a loss of customers',
      'lower prices of a rival', 'a rival with lower prices',
      'a cheaper shop next door',
    ),
    factor=0.65,
    days=None,
  ),
  'chatter': Kind(
    names=(
      'a new menu in the canteen', 'a course on first aid',
      'painting of the fence', 'an update of the mail program',
      'a course on the mail program', 'painting of the canteen',
    ),
  ),
}  # fmt: skip
_WORDINGS = (
  '{what} {when}, {long}.',
  '{when} there will be {what}, {long}.',
  'please note: {what} begins {when}, {long}.',
  'we expect {what}, {long}, and it begins {when}.',
  'it is certain now: {long}, starting {when}, {what}.',
  'the news of today is {what}; it begins {when}, {long}.',
  '{what} will be there {when}, {long}.',
  'note: there will be {what}, {long}, starting {when}.',
)
_ASIDES = (
  '', '', '',
  'the lift is out of order until {day}.',
  'lunch on {day} is fish.',
  'the meeting of {day} takes {n} hours.',
  'parking is free for {n} days.',
)  # fmt: skip


class Event(NamedTuple):
  """What happens, or does not.

  Attributes:
    kind: its name in `KINDS`.
    start: days from the first coming one, 0 for that.
    days: how long it lasts; None is for good.
  """

  kind: str
  start: int
  days: int | None


def effect(event: Event, horizon: int) -> np.ndarray:
  """What demand of each of the coming days is multiplied by, `[horizon]`."""
  kind = KINDS[event.kind]
  day = np.arange(horizon)
  end = horizon if event.days is None else event.start + event.days
  factor = np.ones(horizon)
  factor[(day >= event.start) & (day < end)] = kind.factor
  factor[day == event.start - 1] = kind.before
  if event.days is not None:
    factor[(day >= end) & (day < end + event.days)] = kind.after
  return factor


def draw_event(rng: np.random.Generator) -> Event:
  """Any kind, beginning within a week."""
  kind = str(rng.choice(list(KINDS)))
  days = KINDS[kind].days
  length = None if days is None else int(rng.integers(days[0], days[1] + 1))
  return Event(kind, int(rng.integers(7)), length)


def announce(
  event: Event, today: int, rng: np.random.Generator, *, held_out: bool
) -> str:
  """The event in words.

  Args:
    event: what happens.
    today: the weekday, 0 for Monday; the first coming day is tomorrow.
    rng: draws the wording.
    held_out: whether wording and name are those that training does not have.
  """
  wording = _one(_WORDINGS, rng, held_out=held_out)
  text = wording.format(
    what=_one(KINDS[event.kind].names, rng, held_out=held_out),
    when=_when(event.start, today, rng),
    long=_long(event, today, rng),
  )
  aside = str(rng.choice(_ASIDES)).format(
    day=rng.choice(WEEKDAYS), n=rng.integers(1, 8)
  )
  both = [text, aside] if rng.integers(2) else [aside, text]
  return ' '.join(part for part in both if part)


def _one(
  choices: Sequence[str], rng: np.random.Generator, *, held_out: bool
) -> str:
  known = choices[:-_HELD_OUT]
  return str(rng.choice(choices[-_HELD_OUT:] if held_out else known))


def _when(start: int, today: int, rng: np.random.Generator) -> str:
  if start == 0 and rng.integers(2):
    return 'tomorrow'
  if rng.integers(2):
    return f'on {WEEKDAYS[(today + 1 + start) % 7]}'
  return f'in {_number(start + 1, rng)} day{"s" * (start > 0)}'


def _long(event: Event, today: int, rng: np.random.Generator) -> str:
  if event.days is None:
    return str(rng.choice(('for good', 'without an end')))
  if event.days > 1 and rng.integers(2):
    last = WEEKDAYS[(today + event.start + event.days) % 7]
    return f'until the end of {last}'
  return f'for {_number(event.days, rng)} day{"s" * (event.days > 1)}'


def _number(n: int, rng: np.random.Generator) -> str:
  return str(n) if rng.integers(2) else _NUMBERS[n]
