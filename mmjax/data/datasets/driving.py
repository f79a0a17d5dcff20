"""Driving: camera, microphone and position of a car, and where it goes next.

Generated (`driving_world.py`). The sensors tell different things: the series
how fast the car goes and turns now, the camera the bend and the red light to
come, the microphone the surface, at night and in fog too.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import driving_world as world
from mmjax.types import InputError

SENSORS = ('video', 'audio', 'sensor')
FRAMES = 4
WAYPOINTS = (5, 10, 15, 20)  # steps of 0.1 s from now
VIEWS = ('default', 'without_video', 'without_audio', 'without_sensor')
UNSEEN = (('gravel', 'night'), ('motorway', 'fog'))
_LAST = 5  # steps that extrapolation looks at


@dataclasses.dataclass(frozen=True, kw_only=True)
class Driving:
  """Generated drives, each a function of the seed and its row alone.

  A sensor that fails does so in the last seconds, and all that follows is
  masked. In training two of five drives have none that fails; the views
  'without_video' and so on are those of 'default' with a failing one. Gravel
  at night and motorways in fog are in the test split alone.
  """

  examples: Mapping[str, int] = dataclasses.field(
    default_factory=lambda: {'train': 16_384, 'validation': 512, 'test': 2048}
  )
  """Drives of each split."""
  seed: int = 0
  """Seed of all of them."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What to do with a record that cannot be read (there is none)."""

  def __post_init__(self):
    """Checks the fields."""
    for split in SPLITS:
      if self.examples.get(split, 0) < 1:
        raise InputError(f'examples has none of {split}')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """The kinds of road."""
    return {'label': tuple(world.KINDS)}

  def check(self) -> None:
    """Nothing to look for."""

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """The numbers of each drive's split and row, and what fails."""
    check_name('split of driving', split, SPLITS)
    check_name('view of driving', view, VIEWS)
    number, fails = SPLITS.index(split), view.removeprefix('without_')
    return [
      {'split': number, 'row': row, 'fails': fails}
      for row in range(self.examples[split])
    ]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One drive, the same whenever it is met.

    Paths are `x, y` of the car 0.5, 1, 1.5 and 2 s from now, in metres, in the
    frame of the car as it is now: x ahead, y to the left.

    Returns:
      video uint8 [4 32 48 3], one frame a second; audio float32 [8000], half a
      second; sensor float32 [40 4]: x, y, speed and yaw rate, ten a second;
      their masks; path, straight and turning float32 [8]: where it goes, and
      where it would with the last known speed, and with the last known turn;
      change float32 [8]: path - straight; label and unseen int32.
    """
    del rng
    draw = np.random.default_rng((self.seed, example['split'], example['row']))
    there = [
      (kind, weather) for kind in world.KINDS for weather in world.WEATHERS
      if example['split'] == 2 or (kind, weather) not in UNSEEN
    ]  # fmt: skip
    kind, weather = there[draw.integers(len(there))]
    drive = world.draw_drive(kind, weather, draw)
    fails, when = example['fails'], draw.uniform(-3.5, -0.3)
    chosen = ('default', 'default', *SENSORS)[draw.integers(5)]
    if example['split'] == 0:
      fails = chosen
    masks = _masks(fails, when)
    frames = range(world.PAST - 10 * FRAMES + 9, world.PAST, 10)
    video = np.stack([world.see(drive, step, draw) for step in frames])
    series = _measured(drive, draw)
    speed, turn = map(float, series[masks['sensor']][-_LAST:, 2:].mean(axis=0))
    path = drive.place[[world.PAST - 1 + step for step in WAYPOINTS]].ravel()
    straight = _extrapolated(speed, 0.0)
    return {
      'video': video,
      'audio': world.hear(drive, draw),
      'sensor': series,
      'mask': masks,
      'path': path.astype(np.float32),
      'straight': straight,
      'turning': _extrapolated(speed, turn),
      'change': (path - straight).astype(np.float32),
      'label': np.int32(tuple(world.KINDS).index(kind)),
      'unseen': np.int32((kind, weather) in UNSEEN),
    }


def _masks(fails: str, when: float) -> dict[str, np.ndarray]:
  """What there is of each sensor, if one has failed at a time before now."""
  times = {
    'video': np.arange(1 - FRAMES, 1.0),
    'audio': np.arange(1 - world.SAMPLES, 1) / world.SAMPLE_RATE,
    'sensor': np.arange(1 - world.PAST, 1) * world.STEP,
  }
  return {
    name: time <= when if name == fails else np.ones(time.shape, bool)
    for name, time in times.items()
  }


def _measured(drive: world.Drive, rng: np.random.Generator) -> np.ndarray:
  """Position, speed and yaw rate of the past, under noise."""
  past = slice(0, world.PAST)
  true = np.stack(
    [*drive.place[past].T, drive.speed[past], drive.turn[past]], axis=1
  )
  noise = np.array([0.7, 0.7, 0.4, 0.02]) * rng.standard_normal(true.shape)
  return (true + noise).astype(np.float32)


def _extrapolated(speed: float, turn: float) -> np.ndarray:
  """Waypoints at that speed and yaw rate, on an arc."""
  time = np.array(WAYPOINTS) * world.STEP
  angle = turn * time
  # sin(a) / a and (1 - cos(a)) / a, also for no turn at all.
  half = np.sinc(angle / (2 * np.pi))
  chord = speed * time * half
  x, y = chord * np.cos(angle / 2), chord * np.sin(angle / 2)
  return np.stack([x, y], axis=1).ravel().astype(np.float32)
