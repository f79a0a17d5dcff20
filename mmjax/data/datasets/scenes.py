"""Scenes: Tux Paint's stamps on generated grounds, known to the pixel.

Every scene is generated: a texture, a few plain shapes that are nothing, and
one to four stamps (https://tuxpaint.org, GPL-2), partly behind each other. What
they are, where, and which pixels show them is known from their opacity. Needs
the Debian package tuxpaint-stamps-default.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt8
from PIL import Image

from mmjax.data import textures
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import scenes_stamps, stamps, stamps_files
from mmjax.data.transforms import Transform
from mmjax.types import InputError

_TRIES = 6  # places that are tried for a stamp before it is left out


class Thing(NamedTuple):
  """A stamp in a scene.

  Attributes:
    name: path of the stamp's `.txt`; no two splits share one.
    text: its English description.
    category: its first folder.
    box: left, top, right, bottom of what is seen of it, 0 to 1.
  """

  name: str
  text: str
  category: str
  box: tuple[float, float, float, float]


class Scene(NamedTuple):
  """A picture and all that is in it.

  Attributes:
    image: the picture.
    things: from back to front.
    instances: which thing each pixel shows, counted from 1; 0 for none.
  """

  image: UInt8[np.ndarray, 'h w 3']
  things: Sequence[Thing]
  instances: Int[np.ndarray, 'h w']


class Drawn(NamedTuple):
  """What a scene is to get: of a `Thing` all but the box, and its pixels."""

  name: str
  text: str
  category: str
  pixels: UInt8[np.ndarray, 'h w 4']


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenes:
  """The data set.

  Training never sees a scene twice: each is a function of the seed and of its
  place in the order of training. Those of the other splits, and of 'train'
  where it is evaluated, are functions of the seed and the row. A stamp belongs
  to one split, by its MD5, as in `Stamps`.
  """

  root: str = '/usr/share/tuxpaint/stamps'
  """Folder of stamps, as the Debian package tuxpaint-stamps-default has it."""
  cache: str = '~/.cache/mmjax'
  """Folder for the stamps that were cut out (25 MB)."""
  categories: tuple[str, ...] = (
    'animals', 'food', 'household', 'symbols', 'town', 'vehicles'
  )  # fmt: skip
  """Which stamps; a scene draws a category first, then a stamp of it."""
  image_size: int = 96
  """Side of the pictures in pixels."""
  objects: int = 4
  """Most stamps in a scene. There is one at least, but for a scene in
  thousands whose only stamp is too faint to be seen."""
  shapes: int = 3
  """Most plain shapes, which are part of the ground."""
  scale: tuple[float, float] = (0.25, 0.6)
  """Least and most of a stamp's longer side, in sides of the picture."""
  turn: float = 15.0
  """Most degrees that a stamp is turned, either way."""
  seen: float = 0.5
  """Share of a stamp that is seen at least."""
  augment: tuple[Transform, ...] = ()
  """What happens to a stamp's colours in training, first to last."""
  examples: Mapping[str, int] = dataclasses.field(
    default_factory=lambda: {'train': 8192, 'validation': 200, 'test': 500}
  )
  """Scenes of each split."""
  seed: int = 0
  """Seed of the scenes that do not change."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """Nothing can be wrong with one scene."""

  def __post_init__(self):
    for name in self.categories:
      check_name('category of stamps', name, stamps.CATEGORIES)
    if self.image_size < 16 or self.objects < 1 or self.shapes < 0:
      raise InputError(
        f'image_size {self.image_size} is below 16, objects {self.objects} '
        f'below 1 or shapes {self.shapes} negative'
      )
    if not 0 < self.scale[0] <= self.scale[1] <= 1:
      raise InputError(f'scale {self.scale} must be two rising shares')
    if not 0 < self.seen <= 1:
      raise InputError(f'seen {self.seen} is not a share, 0 to 1')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """What a pixel shows, and what a thing is."""
    return {
      'segments': ('background', *self.categories),
      'things': self.categories,
    }

  def check(self) -> None:
    """Looks whether the folder is there and holds stamps.

    Raises:
      InputError: it does not.
    """
    stamps_files.scan(self.root, categories=stamps.CATEGORIES)

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Rows of a split; the first call cuts the stamps out.

    Raises:
      InputError: there is no such split or view, no stamp of a category falls
        into it, or the cache cannot be written.
    """
    check_name('split of scenes', split, SPLITS)
    check_name('view of scenes', view, ('default',))
    file = scenes_stamps.prepare(
      self.root, cache=self.cache, categories=stamps.CATEGORIES
    )
    choices = scenes_stamps.of_split(file, split, categories=self.categories)
    row = {'file': file, 'choices': choices, 'split': SPLITS.index(split)}
    return [{**row, 'row': i} for i in range(self.examples[split])]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """Arrays of one scene.

    Returns:
      image uint8 [image_size image_size 3]; its mask; segments int32
      [image_size image_size], 0 for the ground and 1 + the category else;
      things int32 [objects], categories, -1 where there is none; boxes float32
      [objects 4], left, top, right, bottom of what is seen, 0 to 1.
    """
    scene = self.scene(example, rng)
    numbers = [self.categories.index(t.category) for t in scene.things]
    things = np.full(self.objects, -1, np.int32)
    things[: len(numbers)] = numbers
    boxes = np.zeros((self.objects, 4), np.float32)
    for box, thing in zip(boxes, scene.things, strict=False):
      box[:] = thing.box
    of_instance = np.array([0, *(n + 1 for n in numbers)], np.int32)
    return {
      'image': scene.image,
      'mask': {'image': np.True_},
      'segments': of_instance[scene.instances],
      'things': things,
      'boxes': boxes,
    }

  def scene(self, example: Example, rng: np.random.Generator | None) -> Scene:
    """The scene itself, with names and texts, of what `source` holds."""
    train = rng is not None
    if rng is None:
      rng = self.rng(example)
    cutouts = scenes_stamps.read(example['file'])

    def draw(rng: np.random.Generator) -> Drawn:
      choices = example['choices'][rng.integers(len(self.categories))]
      index = int(choices[rng.integers(len(choices))])
      cut = cutouts.cut(index)
      for transform in self.augment if train else ():
        cut = transform(cut, rng)
      name = cutouts.names[index]
      return Drawn(name, cutouts.texts[index], name.split('/')[0], cut)

    return self.compose(draw, rng)

  def rng(self, example: Example) -> np.random.Generator:
    """All randomness of a scene that does not change."""
    return np.random.default_rng((self.seed, example['split'], example['row']))

  def compose(
    self,
    draw: Callable[[np.random.Generator], Drawn],
    rng: np.random.Generator,
  ) -> Scene:
    """A scene of whatever is drawn."""
    size = self.image_size
    image = textures.ground(size, rng)
    other = textures.ground(size, rng)
    for _ in range(rng.integers(self.shapes + 1)):
      inside = textures.shape(size, rng)
      # Of one texture, in other colours: they are half of a scene's cost.
      image[inside] = other[inside][:, rng.permutation(3)]
    instances = np.zeros((size, size), np.int32)
    chosen: list[Drawn] = []
    whole: list[int] = []  # pixels of each thing, if nothing were before it
    for _ in range(rng.integers(1, self.objects + 1)):
      drawn = draw(rng)
      stamp = self._stamp(drawn.pixels, rng)
      place = self._place(stamp[..., 3] > 127, instances, whole, rng)
      if place is None:
        continue
      (rows, columns), inside = place
      alpha = stamp[..., 3:].astype(np.float32) / 255
      under = image[rows, columns]
      under += alpha * (stamp[..., :3] - under)
      chosen.append(drawn)
      whole.append(int(inside.sum()))
      instances[rows, columns][inside] = len(chosen)
    return Scene(
      np.rint(image).astype(np.uint8),
      [
        Thing(*drawn[:3], _box(instances == number))
        for number, drawn in enumerate(chosen, 1)
      ],
      instances,
    )

  def _stamp(
    self, cut: np.ndarray, rng: np.random.Generator
  ) -> UInt8[np.ndarray, 'h w 4']:
    """A stamp of random size, turned, perhaps mirrored."""
    side = rng.uniform(*self.scale) * self.image_size
    scale = side / max(cut.shape[:2])
    h, w = (max(2, round(n * scale)) for n in cut.shape[:2])
    stamp = Image.fromarray(cut).resize((w, h), Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
      stamp = stamp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    stamp = stamp.rotate(
      rng.uniform(-self.turn, self.turn),
      Image.Resampling.BILINEAR,
      expand=True,
    )
    most = (self.image_size, self.image_size)
    return np.asarray(stamp)[: most[0], : most[1]]

  def _place(
    self,
    inside: Bool[np.ndarray, 'h w'],
    instances: Int[np.ndarray, 'size size'],
    whole: Sequence[int],
    rng: np.random.Generator,
  ) -> Any:
    """Rows and columns where it hides no other too far, or None."""
    h, w = inside.shape
    if not inside.any():
      return None
    for _ in range(_TRIES):
      top = rng.integers(self.image_size - h + 1)
      left = rng.integers(self.image_size - w + 1)
      where = slice(top, top + h), slice(left, left + w)
      before = np.bincount(instances.ravel(), minlength=len(whole) + 1)
      hidden = np.bincount(instances[where][inside], minlength=len(whole) + 1)
      left_over = (before - hidden)[1:]
      if (left_over >= self.seen * np.array(whole)).all():
        return where, inside
    return None


def _box(seen: np.ndarray) -> tuple[float, float, float, float]:
  """Left, top, right, bottom of what is True, as shares of the sides."""
  rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
  h, w = seen.shape
  return (
    float(columns[0] / w),
    float(rows[0] / h),
    float((columns[-1] + 1) / w),
    float((rows[-1] + 1) / h),
  )
