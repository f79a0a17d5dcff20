"""Pictures and sounds of a chest, drawn by formula: for `Patients`.

A finding is a round spot inside a lung. What it may be taken for is there too:
streaks inside, and round spots outside, such as buttons.
"""

import numpy as np
from jaxtyping import Float, UInt8

SIDE = 48
SAMPLE_RATE, SAMPLES = 4000, 4000
_LUNGS = ((15.0, 23.0), (33.0, 23.0))  # x, y
_HALF = (7.5, 14.0)


def picture(
  rng: np.random.Generator, *, finding: float, scar: bool
) -> UInt8[np.ndarray, 'h w 1']:
  """A picture of two lungs.

  Args:
    rng: of everything else.
    finding: how much the spot stands out, 0 to 1; 0 for none.
    scar: whether there is a streak.
  """
  y, x = np.mgrid[:SIDE, :SIDE].astype(float)
  shift = rng.uniform(-2, 2, size=2)
  grown = rng.uniform(0.9, 1.1)
  inside = np.zeros((SIDE, SIDE))
  for cx, cy in _LUNGS:
    far = np.hypot(
      (x - cx - shift[0]) / (grown * _HALF[0]),
      (y - cy - shift[1]) / (grown * _HALF[1]),
    )
    inside = np.maximum(inside, 1 / (1 + np.exp(12 * (far - 1))))
  ribs = np.sin(2 * np.pi * (y + 0.1 * (x - 24) ** 2 / 4) / 8 + shift[1])
  bright = 0.65 - 0.4 * inside + 0.04 * ribs
  for _ in range(rng.integers(2, 6)):  # vessels
    bright += rng.uniform(0.05, 0.12) * _streak(x, y, rng, shift, grown)
  if scar:
    bright += rng.uniform(0.15, 0.35) * _streak(x, y, rng, shift, grown)
  if finding:
    at = _place(rng, shift, grown)
    bright += (0.15 + 0.25 * finding) * _spot(x, y, at, rng)
  for _ in range(rng.binomial(2, 0.3)):
    # Between the lungs, or beside them.
    at = (rng.choice([3.0, 24.0, 45.0]), rng.uniform(6, 42))
    bright += rng.uniform(0.15, 0.35) * _spot(x, y, at, rng)
  bright = rng.uniform(0.85, 1.15) * bright + rng.uniform(-0.05, 0.05)
  bright += 0.05 * rng.standard_normal(bright.shape)
  return (np.clip(bright, 0, 1) * 255).astype(np.uint8)[..., None]


def _place(rng, shift, grown) -> tuple[float, float]:
  """Somewhere inside a lung."""
  cx, cy = _LUNGS[rng.integers(2)]
  far, angle = 0.75 * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
  return (
    cx + shift[0] + grown * _HALF[0] * far * np.cos(angle),
    cy + shift[1] + grown * _HALF[1] * far * np.sin(angle),
  )


def _spot(x, y, at, rng) -> np.ndarray:
  radius = rng.uniform(1.4, 2.2)
  return np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * radius**2))


def _streak(x, y, rng, shift, grown) -> np.ndarray:
  cx, cy = _place(rng, shift, grown)
  angle, long = rng.uniform(0, np.pi), rng.uniform(4, 6)
  along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
  across = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
  return np.exp(-((along / long) ** 2) / 2 - (across / 0.8) ** 2 / 2)


def sound(
  rng: np.random.Generator, *, fine: bool, coarse: bool
) -> Float[np.ndarray, ' s']:
  """A second of breath.

  Args:
    rng: of everything else.
    fine: whether there are short crackles of 700 to 900 Hz.
    coarse: whether there are longer ones of 250 to 400 Hz.
  """
  time = np.arange(SAMPLES) / SAMPLE_RATE
  breath = 0.4 + np.sin(np.pi * time) ** 2
  wave = 0.15 * breath * rng.standard_normal(SAMPLES)
  if rng.random() < 0.2:  # a wheeze
    pitch, start = rng.uniform(350, 950), rng.uniform(0, 0.6)
    tone = np.sin(2 * np.pi * pitch * time)
    wave += 0.12 * tone * ((time > start) & (time < start + 0.4))
  for there, pitches, decay in (
    (fine, (700, 900), 0.005), (coarse, (250, 400), 0.012)
  ):  # fmt: skip
    for start in rng.uniform(0, 0.95, rng.integers(3, 8) * there):
      since = np.clip(time - start, 0, None)
      ring = np.sin(2 * np.pi * rng.uniform(*pitches) * since)
      wave += rng.uniform(0.3, 0.6) * ring * np.exp(-since / decay)
  return np.clip(rng.uniform(0.6, 1.0) * wave, -1, 1).astype(np.float32)
