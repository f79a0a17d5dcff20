"""Things of one colour, plain shapes and tinted stamps, and their names.

Generated. A phrase is a colour and a kind, and some pairs are kept from
training: who knows both words from other pairs can tell what they mean.
"""

import colorsys
import functools
import itertools

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

COLORS = {
  'red': (-8, 8), 'orange': (22, 34), 'yellow': (52, 62), 'green': (95, 140),
  'cyan': (176, 190), 'blue': (212, 238), 'purple': (272, 296),
}  # fmt: skip
"""Least and most hue of each, in degrees."""
SHAPES = ('circle', 'square', 'triangle', 'star', 'ring', 'cross')
STAMPS = {'animals': 'animal', 'vehicles': 'vehicle'}
"""Category of stamps -> what one is called."""
KINDS = (*SHAPES, *STAMPS.values())
WORDS = (*COLORS, *KINDS)
PHRASES = tuple(f'{c} {k}' for k, c in itertools.product(KINDS, COLORS))
_NOVEL = {'validation': 0, 'test': 3}  # colours after that of the kind's number
_SIDE = 80  # of a shape in pixels, as of the stamps
_LIGHT = (0.35, 0.7)  # of a tinted picture: 0 is black, 0.5 the colour, 1 white
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@functools.cache
def novel(split: str) -> tuple[str, ...]:
  """Phrases of a split that training never hears: one of each kind.

  Those of 'validation' and of 'test' are not the same, so that nothing is
  chosen by those of the test.
  """
  if split not in _NOVEL:
    return ()
  count = len(COLORS)
  return tuple(
    PHRASES[kind * count + (kind + _NOVEL[split]) % count]
    for kind in range(len(KINDS))
  )


@functools.cache
def heard() -> tuple[str, ...]:
  """Phrases that training has things for: those of no `novel`."""
  kept = {name for split in _NOVEL for name in novel(split)}
  return tuple(name for name in PHRASES if name not in kept)


def draw_shape(
  kind: str, color: str, rng: np.random.Generator
) -> UInt8[np.ndarray, 'h w 4']:
  """A plain shape, a little lighter on one side."""
  large = 2 * _SIDE  # The mean of four pixels has soft edges.
  inside = Image.new('L', (large, large))
  draw, last = ImageDraw.Draw(inside), large - 1
  if kind in ('circle', 'ring'):
    draw.ellipse((0, 0, last, last), fill=255)
    if kind == 'ring':
      draw.ellipse((large // 4, large // 4, *[last - large // 4] * 2), fill=0)
  elif kind == 'cross':
    low, high = round(large * 0.34), round(large * 0.66)
    draw.rectangle((low, 0, high, last), fill=255)
    draw.rectangle((0, low, last, high), fill=255)
  else:
    draw.polygon([tuple(p * last) for p in _CORNERS[kind]], fill=255)
  soft = inside.resize((_SIDE, _SIDE), Image.Resampling.BOX)
  angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.12)
  along = np.linspace(-1, 1, _SIDE)
  down, right = np.sin(angle) * along, np.cos(angle) * along
  light = 0.5 + slope * (down[:, None] + right[None]) / 2
  return np.dstack([_paint(light, color, rng), np.asarray(soft)])


def tint(
  cut: UInt8[np.ndarray, 'h w 4'], color: str, rng: np.random.Generator
) -> UInt8[np.ndarray, 'h w 4']:
  """A picture in shades of one colour."""
  low, high = _LIGHT
  light = low + (high - low) * (cut[..., :3] @ _GREY) / 255
  return np.dstack([_paint(light, color, rng), cut[..., 3]])


def _paint(
  light: Float[np.ndarray, 'h w'], color: str, rng: np.random.Generator
) -> UInt8[np.ndarray, 'h w 3']:
  """From black over some colour of that name to white."""
  hue = rng.uniform(*COLORS[color]) / 360 % 1
  rgb = colorsys.hsv_to_rgb(hue, *rng.uniform(0.75, 1, 2))
  middle, part = 255 * np.array(rgb), light[..., None]
  dark = np.minimum(2 * part, 1)
  pale = np.maximum(2 * part - 1, 0)
  return np.rint(dark * middle + pale * (255 - middle)).astype(np.uint8)


def _star() -> Float[np.ndarray, 'corners 2']:
  """Five tips, and as many corners between them."""
  angles = np.pi * np.arange(10) / 5
  radii = np.where(np.arange(10) % 2, 0.45, 1.0)
  x, y = radii * np.sin(angles), -radii * np.cos(angles)
  return np.stack([(x + 1) / 2, (y + 1) / 2], axis=1)


_CORNERS = {
  'square': np.array([[0, 0], [1, 0], [1, 1], [0, 1]]),
  'triangle': np.array([[0.5, 0], [1, 1], [0, 1]]),
  'star': _star(),
}
