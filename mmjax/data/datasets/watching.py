"""Watching: what users have watched, and what they watch next.

Pictures, names and voices are real: Tux Paint's stamps
(`watching_items.py`). The users are generated (`watching_users.py`).
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import stamps, watching_items, watching_users
from mmjax.data.datasets.watching_items import Catalogue
from mmjax.data.datasets.watching_users import MOST, Watched, World
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError

VIEWS = ('default', 'items', 'numbers')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watching:
  """Histories of users, each a function of the seed, the split and its row.

  A training row is a whole history. The users of 'validation' and 'test' are
  others, of whom the last item is asked for; and by then new items are on
  offer, of stamps that nobody has watched in training: those of the same split
  of the stamps. Views:

    default: a row a user.
    items: all that is on offer, as many to a row as a history has places.
    numbers: as 'default', without pictures, sounds and names.
  """

  root: str = '/usr/share/tuxpaint/stamps'
  """Folder of stamps, as the Debian package tuxpaint-stamps-default has it."""
  cache: str = '~/.cache/mmjax'
  """Folder for what is decoded once."""
  categories: tuple[str, ...] = stamps.CATEGORIES
  """The first folders under the root."""
  languages: tuple[str, ...] = ('es', 'fr', 'ru', 'el')
  """Those of the items."""
  tokenizer: Any = ByteTokenizer(length=32)
  """Title to token ids and a mask."""
  users: Mapping[str, int] = dataclasses.field(
    default_factory=lambda: {'train': 8192, 'validation': 512, 'test': 2048}
  )
  """Users of each split."""
  unknown_rate: float = 0.3
  """Training only: share of items whose number is hidden, like that of a new
  one: DropoutNet (https://neurips.cc/virtual/2017/poster/9272)."""
  seed: int = 0
  """Seed of users and popularity."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What to do with a stamp that cannot be read."""

  def __post_init__(self):
    """Checks the fields."""
    if not 0 <= self.unknown_rate <= 1:
      raise InputError(
        f'unknown_rate {self.unknown_rate} is not a probability, 0 to 1'
      )
    for split in SPLITS:
      if self.users.get(split, 0) < 1:
        raise InputError(f'users has none of {split}')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """What a session may follow."""
    return {'idea': watching_users.IDEAS}

  def check(self) -> None:
    """Looks whether the folder is there and holds stamps.

    Raises:
      InputError: it does not.
    """
    self._stamps().check()

  def items(self) -> Catalogue:
    """All items, whether on offer or not."""
    return watching_items.read(self._file())

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Numbers of the items that each row holds.

    Raises:
      InputError: there is no such split or view, or there are no stamps.
    """
    check_name('split of watching', split, SPLITS)
    check_name('view of watching', view, VIEWS)
    file = self._file()
    number = SPLITS.index(split)
    if view == 'items':
      offered = np.flatnonzero(_offered(watching_items.read(file), number))
      return [
        {'file': file, 'items': offered[i : i + MOST], 'view': view}
        for i in range(0, len(offered), MOST)
      ]
    rows = []
    for user in _histories(file, self.seed, number, self.users[split]):
      last = len(user.items) - (number > 0)
      asked = int(user.items[-1])
      rows.append(
        {
          'file': file,
          'items': user.items[:last],
          'view': view,
          'next': asked if number else -1,
          'told': user.told,
          'idea': user.idea,
        }
      )
    return rows

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """Arrays of one history, or of some items.

    Returns:
      Of up to 20 items: item int32 [20], their numbers; log_popularity float32
      [20], how often each was watched in training, as the logarithm of its
      share; image uint8 [20 32 32 3]; text int32 [20 t]; audio float32
      [20 8000]; number int32 [20 1], the numbers once more, as something to
      learn from; masks of all five, `number` only where the item was watched in
      training; next int32, what is watched next, -1 where that is in the row or
      there is none; told int32, how many items are more probable than that to
      whom the user tells the idea of the session, and idea int32.
    """
    items = watching_items.read(example['file'])
    counts = _watched(example['file'], self.seed, self.users['train'])
    index = example['items']
    real = np.arange(MOST) < len(index)
    index = np.pad(index, (0, MOST - len(index)))
    share = np.maximum(counts, 0.5) / counts.sum()
    found: Example = {
      'item': np.where(real, index, -1).astype(np.int32),
      'log_popularity': np.log(share[index]).astype(np.float32),
      'next': np.int32(example.get('next', -1)),
      'told': np.int32(example.get('told', -1)),
      'idea': np.int32(example.get('idea', -1)),
      'mask': {'item': real},
    }
    if example['view'] == 'numbers':
      return found
    known = real & (counts[index] > 0)
    if rng is not None:
      known &= rng.random(MOST) >= self.unknown_rate
    tokens = [self.tokenizer(items.titles[i]) for i in index]
    text, text_mask = (np.stack(x) for x in zip(*tokens, strict=True))
    titled = (real & items.titled[index])[:, None]
    sound, heard = items.sound(index)
    # Behind its end a voice is silent already.
    sound[len(example['items']) :] = 0.0
    heard &= real[:, None]
    found |= {
      'image': items.image[index],
      'text': np.where(titled, text, 0).astype(np.int32),
      'audio': sound,
      'number': np.where(known, index, 0).astype(np.int32)[:, None],
    }
    found['mask'] |= {
      'image': real,
      'text': text_mask & titled,
      'audio': heard,
      'number': known[:, None],
    }
    return found

  def _file(self) -> str:
    return watching_items.prepare(self._stamps(), languages=self.languages)

  def _stamps(self) -> stamps.Stamps:
    return stamps.Stamps(
      root=self.root,
      cache=self.cache,
      categories=self.categories,
      on_error=self.on_error,
    )


def _offered(items: Catalogue, split: int) -> np.ndarray:
  return (items.split == 0) | (items.split == split)


@functools.lru_cache(maxsize=8)
def _histories(
  file: str, seed: int, split: int, users: int
) -> Sequence[Watched]:
  items = watching_items.read(file)
  world = World(
    items,
    _offered(items, split),
    watching_users.popularity(len(items.names), seed=seed),
  )
  return [
    world.history(np.random.default_rng((seed, split, row)))
    for row in range(users)
  ]


@functools.lru_cache(maxsize=8)
def _watched(file: str, seed: int, users: int) -> np.ndarray:
  """How often each item was watched in training."""
  items = watching_items.read(file)
  seen = [user.items for user in _histories(file, seed, 0, users)]
  return np.bincount(np.concatenate(seen), minlength=len(items.names))
