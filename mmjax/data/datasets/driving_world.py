"""A road, a car on it, what its camera sees and what its microphone hears.

All of it is drawn by chance and drawn simply: flat ground, one bend after the
other, red lights. Lengths are in metres, times in seconds; in the frame of the
car x is ahead and y to the left.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

STEP = 0.1  # seconds
PAST, COMING = 40, 20  # steps; the last of the past is now
HEIGHT, WIDTH = 32, 48  # pixels
SAMPLE_RATE, SAMPLES = 16_000, 8_000
WEATHERS = ('day', 'night', 'fog')
_FOCAL, _EYE, _HORIZON = 24.0, 1.4, 11.5  # pixels, metres, row
_SIGHT = 70.0
_BRAKING = 3.0  # metres a second, each second


class Kind(NamedTuple):
  """A kind of road.

  Attributes:
    speed: least and largest.
    half: from the middle to the edge.
    surface: colour, red green blue.
    side: colour of what is beside it.
    lines: lateral places of dashed lines.
    edges: whether lines mark its edges.
    light: how often there is a red light, or the last of a queue.
    pitch: of the noise of its tyres at 15 m/s, in Hz.
    breadth: of that noise, in octaves.
    joints: from one joint of its slabs to the next; 0 for none.
  """

  speed: tuple[float, float]
  half: float
  surface: tuple[int, int, int]
  side: tuple[int, int, int]
  lines: tuple[float, ...]
  edges: bool
  light: float
  pitch: float
  breadth: float
  joints: float


KINDS = {
  'city': Kind(
    (6, 16), 4.0, (95, 95, 100), (150, 145, 140), (1.8,), False, 0.5,
    900, 0.7, 0.0,
  ),
  'country': Kind(
    (13, 26), 4.0, (100, 98, 95), (70, 120, 60), (1.8,), True, 0.25,
    650, 1.1, 0.0,
  ),
  'motorway': Kind(
    (20, 36), 8.0, (120, 120, 118), (80, 120, 70), (1.8, -1.8, 5.4), True,
    0.25, 1100, 0.8, 5.0,
  ),
  'gravel': Kind(
    (5, 15), 3.0, (135, 115, 85), (85, 115, 60), (), False, 0.1,
    420, 1.6, 0.0,
  ),
}  # fmt: skip


class Drive(NamedTuple):
  """A few seconds of driving, one row for each step.

  Attributes:
    kind: of the road.
    weather: one of `WEATHERS`.
    s: how far along the road.
    speed: metres a second.
    turn: yaw rate, radians a second, positive to the left.
    heading: radians, 0 now.
    place: `x, y` in the frame of the car as it is now.
    bends: middles, lengths and curvatures of the road's bends.
    light: how far along the road a red light is; infinite for none.
  """

  kind: str
  weather: str
  s: Float[np.ndarray, ' t']
  speed: Float[np.ndarray, ' t']
  turn: Float[np.ndarray, ' t']
  heading: Float[np.ndarray, ' t']
  place: Float[np.ndarray, 't 2']
  bends: Float[np.ndarray, 'bends 3']
  light: float


def curvature(
  bends: Float[np.ndarray, 'bends 3'], s: Float[np.ndarray, ' n']
) -> Float[np.ndarray, ' n']:
  """One over the radius of the road; positive where it bends to the left."""
  middle, length, most = bends.T
  return (np.exp(-(((s[:, None] - middle) / length) ** 2)) * most).sum(axis=1)


def draw_drive(kind: str, weather: str, rng: np.random.Generator) -> Drive:
  """A drive along a new road."""
  about = KINDS[kind]
  speed = rng.uniform(*about.speed)
  steps = PAST + COMING
  reach = steps * STEP * speed + _SIGHT
  # No faster around a bend than is pleasant.
  most = rng.normal(size=4) * min(2.5 / speed**2, 0.08)
  bends = np.stack([rng.uniform(0, reach, 4), rng.uniform(10, 30, 4), most], 1)
  light = np.inf
  if rng.random() < about.light:
    light = PAST * STEP * speed + rng.uniform(-15, 50)
  wave, phase = rng.uniform(0.3, 1.0), rng.uniform(0, 2 * np.pi)
  s, speeds = [0.0], [speed]
  for step in range(1, steps):
    left = light - s[-1] - 2.0
    change = 0.8 * np.sin(wave * step * STEP + phase)
    if left <= speeds[-1] ** 2 / (2 * _BRAKING):
      change = -(speeds[-1] ** 2) / (2 * max(left, 0.5))
    speeds.append(max(0.0, speeds[-1] + change * STEP))
    s.append(s[-1] + speeds[-1] * STEP)
  s, speeds = np.array(s), np.array(speeds)
  turn = curvature(bends, s) * speeds
  heading = np.cumsum(turn) * STEP
  heading -= heading[PAST - 1]
  moved = (
    speeds[:, None] * STEP * np.stack([np.cos(heading), np.sin(heading)], 1)
  )
  place = np.cumsum(moved, axis=0)
  place -= place[PAST - 1]
  return Drive(
    kind, weather, s, speeds, turn, heading, place, bends, float(light)
  )


def see(
  drive: Drive, step: int, rng: np.random.Generator
) -> UInt8[np.ndarray, 'h w 3']:
  """The camera's picture at a step, 90 degrees wide."""
  about = KINDS[drive.kind]
  ahead = np.arange(0.0, _SIGHT + 10)
  heading = np.cumsum(curvature(drive.bends, drive.s[step] + ahead))
  x, y = np.cumsum(np.cos(heading)), np.cumsum(np.sin(heading))
  rows = np.arange(HEIGHT)
  below = rows > _HORIZON
  z = _FOCAL * _EYE / np.maximum(rows - _HORIZON, 0.4)
  columns = (WIDTH - 1) / 2 - np.arange(WIDTH)
  lateral = columns * z[:, None] / _FOCAL - np.interp(z, x, y)[:, None]
  thick = np.maximum(0.1, 0.4 * z[:, None] / _FOCAL)
  ground = np.where(
    (np.abs(lateral) < about.half)[..., None], about.surface, about.side
  ).astype(float)
  dash = ((drive.s[step] + z) % 8 < 4)[:, None]
  for line in about.lines:
    ground[(np.abs(lateral - line) < thick) & dash] = 225
  if about.edges:
    ground[np.abs(np.abs(lateral) - about.half + 0.3) < thick] = 225
  sky = np.array((150, 190, 235.0))
  if drive.weather == 'night':
    ground *= (0.12 + 0.88 * np.exp(-z / 15))[:, None, None]
    sky = np.array((18, 18, 30.0))
  elif drive.weather == 'fog':
    clear = np.exp(-z / 22)[:, None, None]
    ground = clear * ground + (1 - clear) * 185
    sky = np.array((185, 185, 185.0))
  picture = np.where(below[:, None, None], ground, sky)
  away = drive.light - drive.s[step]
  if 3 < away < _SIGHT and not (drive.weather == 'fog' and away > 45):
    at = np.interp(away, x, y) - 3.0
    row = _HORIZON - _FOCAL * (3.0 - _EYE) / away
    column = (WIDTH - 1) / 2 - _FOCAL * at / away
    far = np.hypot(rows[:, None] - row, np.arange(WIDTH)[None] - column)
    picture[far < max(1.0, _FOCAL * 0.4 / away)] = (240, 30, 25)
  picture += 8 * rng.standard_normal(picture.shape)
  return np.clip(picture, 0, 255).astype(np.uint8)


def hear(
  drive: Drive, rng: np.random.Generator
) -> Float[np.ndarray, ' samples']:
  """Half a second of tyres, engine and wind until now, at 16 kHz."""
  about, speed = KINDS[drive.kind], drive.speed[PAST - 1]
  time = np.arange(SAMPLES) / SAMPLE_RATE
  frequency = np.fft.rfftfreq(SAMPLES, 1 / SAMPLE_RATE)
  pitch = about.pitch * np.sqrt(max(speed, 1.0) / 15)
  octaves = np.log2(np.maximum(frequency, 1.0) / pitch)
  shape = np.exp(-((octaves / about.breadth) ** 2)) * speed / 15
  shape += 0.02 * (speed / 15) ** 2  # wind
  noise = np.fft.rfft(rng.standard_normal(SAMPLES))
  sound = np.fft.irfft(noise * shape, SAMPLES)
  if about.joints and speed > 1:
    since = (time * speed + rng.uniform(0, about.joints)) % about.joints
    sound += 0.8 * np.exp(-since / speed * 150) * np.sin(500 * time)
  first = 28 + 4 * (speed % 9)  # a gear each 9 m/s
  for overtone in range(1, 5):
    angle = 2 * np.pi * first * overtone * time + rng.uniform(0, 2 * np.pi)
    sound += 0.25 / overtone * np.sin(angle)
  gain = 0.05 * 2 ** rng.uniform(-1, 1)
  return (gain * sound).astype(np.float32)
