"""What blobs of pixels are called without a model, for `OpenDetection`."""

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image
from sklearn.ensemble import RandomForestClassifier

from mmjax.evaluators.average_precision import Boxes
from mmjax.evaluators.blobs import unlike_border

_SIDE = 10  # of a silhouette


class Namer:
  """Names boxes by a colour and a kind, each told by itself.

  So it knows phrases that it was never shown, too: the colour that one forest
  sees has no kind, and the silhouette that the other sees no colour. What is
  seen of a box are pixels that differ from the colour of the picture's border.
  """

  def __init__(
    self,
    images: Sequence[UInt8[np.ndarray, 'h w 3']],
    things: Sequence[Boxes],
    *,
    names: Sequence[str],
    differs: float,
  ):
    """Fits it.

    Args:
      images: of training.
      things: what is in each, in pixels.
      names: of the classes: a colour, a space and a kind.
      differs: how far a pixel's colour is from the border's, of 255.
    """
    self._differs = differs
    parts = [name.split(' ') for name in names]
    self._colors, self._kinds = (sorted({*x}) for x in zip(*parts, strict=True))
    self._place = {tuple(part): i for i, part in enumerate(parts)}
    shades, silhouettes = self._look(images, things)
    labels = np.concatenate([boxes.classes for boxes in things])
    colors = np.array([self._colors.index(parts[i][0]) for i in labels])
    kinds = np.array([self._kinds.index(parts[i][1]) for i in labels])
    self._known, first = np.unique(colors, return_inverse=True)
    count = np.bincount(first)[:, None]
    self._means = np.zeros((len(count), 3))
    np.add.at(self._means, first, shades[:, :3])
    self._means /= count
    self._commonest = int(np.bincount(kinds).argmax())
    self._color: Any = RandomForestClassifier(100, random_state=0)
    self._color.fit(shades, colors)
    self._kind: Any = RandomForestClassifier(100, random_state=0)
    self._kind.fit(silhouettes, kinds)

  def name(
    self,
    images: Sequence[UInt8[np.ndarray, 'h w 3']],
    blobs: Sequence[Boxes],
  ) -> Mapping[str, Sequence[Boxes]]:
    """Gives the boxes with other classes, or -1 where a pair is none.

    Returns:
      nearest: the nearest of the colours' means, and the commonest kind.
      forest: what the forests say.
    """
    shades, silhouettes = self._look(images, blobs)
    if not len(shades):
      return {'nearest': blobs, 'forest': blobs}
    apart = shades[:, None, :3] - self._means[None]
    nearest = self._known[np.linalg.norm(apart, axis=-1).argmin(axis=1)]
    pairs = {
      'nearest': (nearest, np.full(len(nearest), self._commonest)),
      'forest': (self._color.predict(shades), self._kind.predict(silhouettes)),
    }
    ends = np.cumsum([len(one.classes) for one in blobs])[:-1]
    return {
      key: [
        one._replace(classes=classes)
        for one, classes in zip(
          blobs, np.split(self._classes(*pair), ends), strict=True
        )
      ]
      for key, pair in pairs.items()
    }

  def _classes(
    self, colors: Int[np.ndarray, ' n'], kinds: Int[np.ndarray, ' n']
  ) -> Int[np.ndarray, ' n']:
    pairs = zip(colors, kinds, strict=True)
    names = [(self._colors[color], self._kinds[kind]) for color, kind in pairs]
    return np.array([self._place.get(name, -1) for name in names], int)

  def _look(
    self, images: Sequence[np.ndarray], things: Sequence[Boxes]
  ) -> tuple[Float[np.ndarray, 'n 6'], Float[np.ndarray, 'n features']]:
    """Of each box the colour, in two spaces, and silhouette and sides."""
    shades, silhouettes = [], []
    for image, boxes in zip(images, things, strict=True):
      differs = unlike_border(image, differs=self._differs)
      for box in boxes.corners:
        left, top = np.floor(box[:2]).astype(int)
        right, bottom = np.ceil(box[2:]).astype(int)
        where = slice(top, bottom), slice(left, right)
        inside, cut = differs[where], image[where]
        color = np.median(cut[inside | ~inside.any()], axis=0)
        shades.append([*color, *colorsys.rgb_to_hsv(*color / 255)])
        small = Image.fromarray(inside.astype(np.uint8) * 255).resize(
          (_SIDE, _SIDE), Image.Resampling.BOX
        )
        sides = inside.shape[1] / inside.shape[0], inside.mean()
        silhouettes.append([*np.asarray(small).ravel() / 255, *sides])
    return (
      np.array(shades).reshape(-1, 6),
      np.array(silhouettes).reshape(len(shades), -1 if shades else 0),
    )
