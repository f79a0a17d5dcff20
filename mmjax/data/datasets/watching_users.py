"""Who watches what: users, their tastes and their sessions. Generated.

A history is a row of sessions. A session keeps to one language and follows one
idea: a shelf of the catalogue; colours around the circle, one step an item; or
the alphabet, one letter an item. Which ideas, languages and shelves a user
likes is the user's own, and the shelves drift from session to session. Within
what the idea allows, what is popular is watched more often, nothing twice, and
now and then something else altogether.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from mmjax.data.datasets.watching_items import COLORS, Catalogue
from mmjax.types import InputError

IDEAS = ('shelf', 'colors', 'alphabet')
LEAST, MOST = 6, 20  # items of a history
_GOES_ON = 0.85  # of the next item: it belongs to the same session
_STRAY = 0.08  # of an item: it has nothing to do with the session
_DRIFT = 0.7  # of the logarithm of a taste, from session to session
_PATIENCE = 50  # ideas in a row that lead nowhere


class Watched(NamedTuple):
  """A user's history.

  Attributes:
    items: numbers of what was watched, in order.
    told: how many items were more probable than the last one, to whom the user
      tells where the session has got to.
    idea: index into `IDEAS` of the session of the last item.
  """

  items: Int[np.ndarray, ' n']
  told: int
  idea: int


@dataclasses.dataclass(frozen=True, eq=False)
class World:
  """The items on offer, and how popular each of them is.

  Attributes:
    items: all there are.
    offered: which of them are on offer.
    popularity: of each, positive.
  """

  items: Catalogue
  offered: Bool[np.ndarray, ' n']
  popularity: Float[np.ndarray, ' n']

  def history(self, rng: np.random.Generator) -> Watched:
    """One user's, from a generator of its own.

    Raises:
      InputError: there are fewer items on offer than a history may have.
    """
    if self.offered.sum() <= MOST:
      raise InputError(
        f'{self.offered.sum()} items are on offer, a history has up to {MOST}'
      )
    user = _User(rng, self.items)
    length = rng.integers(LEAST, MOST + 1)
    left = self.popularity * self.offered
    watched, told, idea, misses = [], 0, 0, 0
    session = user.session(rng)
    while len(watched) < length:
      if rng.random() > _GOES_ON:
        session = user.session(rng)
      allowed = self._allowed(session) * left
      if not allowed.any():
        # No title begins so, or all of them are watched.
        session, misses = session.next(), misses + 1
        if misses < _PATIENCE:
          continue
        allowed = left
      weights = _STRAY * left / left.sum()
      weights += (1 - _STRAY) * allowed / allowed.sum()
      places = np.cumsum(weights)
      item = int(np.searchsorted(places, rng.random() * places[-1], 'right'))
      watched.append(item)
      told, idea = int((weights > weights[item]).sum()), session.idea
      left[item] = 0.0
      session, misses = session.next(), 0
    return Watched(np.array(watched), told, idea)

  def _allowed(self, session: '_Session') -> Bool[np.ndarray, ' n']:
    items = self.items
    own = items.language == session.language
    if session.idea == 0:
      return own & (items.shelf == session.place)
    if session.idea == 1:
      return own & (items.color == session.place % len(COLORS))
    letters = int(items.initial[own].max(initial=0)) + 1
    return own & (items.initial == session.place % letters)


class _Session(NamedTuple):
  """What a user is after: an idea, a language, and where it has got to."""

  idea: int
  language: int
  place: int
  step: int

  def next(self) -> '_Session':
    return self._replace(place=self.place + self.step)


class _User:
  """What one user likes."""

  def __init__(self, rng: np.random.Generator, items: Catalogue):
    self.ideas = rng.dirichlet(np.ones(len(IDEAS)))
    self.languages = rng.dirichlet(np.full(items.language.max() + 1, 0.3))
    shelves = np.bincount(items.shelf)
    # Large shelves have more friends.
    self.taste = np.log(shelves) + 1.5 * rng.standard_normal(len(shelves))
    self.turn = int(rng.choice([-1, 1]))

  def session(self, rng: np.random.Generator) -> _Session:
    """The next one."""
    self.taste = self.taste + _DRIFT * rng.standard_normal(len(self.taste))
    idea = int(rng.choice(len(IDEAS), p=self.ideas))
    language = int(rng.choice(len(self.languages), p=self.languages))
    if idea == 0:
      likes = np.exp(self.taste - self.taste.max())
      place = int(rng.choice(len(likes), p=likes / likes.sum()))
      return _Session(idea, language, place, 0)
    if idea == 1:
      place = int(rng.integers(len(COLORS)))
      return _Session(idea, language, place, self.turn)
    return _Session(idea, language, int(rng.integers(24)), 1)


def popularity(items: int, *, seed: int) -> Float[np.ndarray, ' n']:
  """Zipf's: the n-th of a random order is `n ** -0.8` as popular as the
  first."""
  order = np.random.default_rng((seed, 99)).permutation(items)
  return (1.0 + order) ** -0.8
