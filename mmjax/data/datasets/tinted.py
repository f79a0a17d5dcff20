"""Tinted: scenes of coloured things, each asked for by a phrase.

Generated: plain shapes, and Tux Paint's stamps (https://tuxpaint.org, GPL-2) in
shades of one colour, on the grounds of `Scenes`. Needs the Debian package
tuxpaint-stamps-default.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import scenes_stamps
from mmjax.data.datasets import tinted_things as things
from mmjax.data.datasets.scenes import Drawn, Scene, Scenes
from mmjax.data.known_words import KnownWords
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tinted:
  """The data set.

  A thing has one of seven colours and is of one of eight kinds. Of the 56
  pairs training has 40; of each of the other splits half of the things are of
  those 40, and half of eight others, which neither training nor the other
  split has. Training asks for what is there and for some that is not; the
  other splits ask for everything. No two splits share a stamp.
  """

  scenes: Scenes = Scenes(categories=tuple(things.STAMPS), shapes=0)
  """Grounds and places of things, size and number of scenes, and the seed."""
  negatives: int = 24
  """Phrases of things that are not there, of each scene in training."""
  words: KnownWords = KnownWords(words=things.WORDS, length=2)
  """Turns a phrase into token ids."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """Nothing can be wrong with one scene."""

  def __post_init__(self):
    """Checks the fields."""
    if self.scenes.categories != tuple(things.STAMPS):
      raise InputError(
        f'scenes.categories {self.scenes.categories} are not '
        f'{tuple(things.STAMPS)}'
      )
    most = len(things.heard()) - self.scenes.objects
    if not 0 <= self.negatives <= most:
      raise InputError(f'negatives {self.negatives} is not from 0 to {most}')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """What can be asked for."""
    return {'phrases': things.PHRASES}

  def check(self) -> None:
    """Looks whether there are stamps.

    Raises:
      InputError: there are none.
    """
    self.scenes.check()

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Rows of a split; the first call cuts the stamps out.

    Raises:
      InputError: as `Scenes.source`.
    """
    check_name('view of tinted scenes', view, ('default',))
    return self.scenes.source(split)

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """Arrays of one scene.

    Returns:
      image uint8 [image_size image_size 3]; text int32 [56 2], the words of
      phrases that are asked for; their masks; phrases int32 [56], which of
      `classes` each of them is, -1 where no more are asked for; things int32
      [objects], which of those phrases each is, -1 where there is none; boxes
      float32 [objects 4], left, top, right, bottom of what is seen, 0 to 1.
    """
    train = example['split'] == SPLITS.index('train')
    scene = self.scene(example, rng)
    rng = self.scenes.rng(example) if rng is None else rng
    named = [things.PHRASES.index(thing.text) for thing in scene.things]
    asked = np.arange(len(things.PHRASES))
    if train:
      known = [things.PHRASES.index(name) for name in things.heard()]
      others = rng.permutation(np.setdiff1d(known, named))
      there = np.unique(np.array(named, int))
      asked = rng.permutation([*there, *others[: self.negatives]])
    phrases = np.full(len(things.PHRASES), -1, np.int32)
    phrases[: len(asked)] = asked
    text = np.zeros((len(phrases), self.words.length), np.int32)
    mask = np.zeros(text.shape, bool)
    for i, number in enumerate(asked):
      text[i], mask[i] = self.words(things.PHRASES[number])
    numbers = np.full(self.scenes.objects, -1, np.int32)
    boxes = np.zeros((self.scenes.objects, 4), np.float32)
    for i, thing in enumerate(scene.things):
      numbers[i] = np.flatnonzero(asked == named[i])[0]
      boxes[i] = thing.box
    return {
      'image': scene.image,
      'text': text,
      'mask': {'image': np.True_, 'text': mask},
      'phrases': phrases,
      'things': numbers,
      'boxes': boxes,
    }

  def scene(self, example: Example, rng: np.random.Generator | None) -> Scene:
    """The scene itself; each thing's text is its phrase."""
    train = rng is not None
    rng = self.scenes.rng(example) if rng is None else rng
    cutouts = scenes_stamps.read(example['file'])
    new = things.novel(SPLITS[example['split']])

    def draw(rng: np.random.Generator) -> Drawn:
      known = not new or rng.random() < 0.5
      phrases = things.heard() if known else new
      phrase = phrases[rng.integers(len(phrases))]
      color, kind = phrase.split()
      if kind in things.SHAPES:
        return Drawn(kind, phrase, kind, things.draw_shape(kind, color, rng))
      choices = example['choices'][[*things.STAMPS.values()].index(kind)]
      index = int(choices[rng.integers(len(choices))])
      cut = cutouts.cut(index)
      for transform in self.scenes.augment if train else ():
        cut = transform(cut, rng)
      cut = things.tint(cut, color, rng)
      return Drawn(cutouts.names[index], phrase, kind, cut)

    return self.scenes.compose(draw, rng)
