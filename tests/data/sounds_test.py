"""Augmentation of sounds."""

import numpy as np
import pytest

from mmjax.data import transforms
from mmjax.types import InputError

RATE = 16_000


def _tone(seconds=0.5):
  time = np.arange(round(seconds * RATE)) / RATE
  return (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


@pytest.mark.parametrize(
  'transform',
  [
    transforms.RandomGain(),
    transforms.RandomNoise(rate=1.0),
    transforms.RandomNoise(rate=1.0, color='pink'),
    transforms.RandomShift(seconds=0.2),
  ],
)
def test_is_a_function_of_sound_and_generator(transform):
  x = _tone()
  before = x.copy()
  new = transform(x, np.random.default_rng(3))
  assert new.dtype == np.float32
  assert new.shape == x.shape
  np.testing.assert_array_equal(new, transform(x, np.random.default_rng(3)))
  np.testing.assert_array_equal(x, before)
  assert not np.array_equal(new, transform(x, np.random.default_rng(4)))
  silence = transform(np.zeros(100, np.float32), np.random.default_rng(3))
  assert not silence.any()


def test_another_speed_is_another_pitch():
  rng, x = np.random.default_rng(0), _tone()
  speed = transforms.RandomSpeed(factors=(0.8, 1.25))
  lengths = []
  for _ in range(50):
    new = speed(x, rng)
    factor = len(x) / len(new)
    lengths.append(factor)
    hertz = np.abs(np.fft.rfft(new)).argmax() * RATE / len(new)
    assert hertz == pytest.approx(440 * factor, abs=RATE / len(new))
  assert 0.79 < min(lengths) < 0.85
  assert 1.15 < max(lengths) < 1.26
  with pytest.raises(InputError, match='factors 2 1 do not rise'):
    transforms.RandomSpeed(factors=(2.0, 1.0))


def test_gain_is_one_factor_between_both():
  gain = transforms.RandomGain(decibels=(-20.0, -6.0))
  rng, x = np.random.default_rng(0), _tone()
  factors = []
  for _ in range(100):
    new = gain(x, rng)
    factors.append(np.abs(new).max() / np.abs(x).max())
    np.testing.assert_allclose(new, x * factors[-1], rtol=1e-4, atol=1e-7)
  assert 0.1 <= min(factors) < 0.11
  assert 0.48 < max(factors) <= 10 ** (-6 / 20) + 1e-6


@pytest.mark.parametrize('color', ['white', 'pink'])
def test_noise_is_as_strong_as_was_asked(color):
  noise = transforms.RandomNoise(snr=(3.0, 12.0), rate=0.5, color=color)
  rng, x = np.random.default_rng(0), _tone()
  found = []
  for _ in range(200):
    added = noise(x, rng) - x
    if added.any():
      found.append(10 * np.log10((x**2).mean() / (added**2).mean()))
  assert 75 < len(found) < 125
  assert 3 - 1e-3 <= min(found) < 3.5
  assert 11.5 < max(found) <= 12 + 1e-3


@pytest.mark.parametrize(('color', 'want'), [('white', 0.0), ('pink', -3.0)])
def test_noise_falls_by_so_many_decibels_an_octave(color, want):
  noise = transforms.RandomNoise(snr=(0.0, 0.0), rate=1.0, color=color)
  x = _tone(8.0)
  added = noise(x, np.random.default_rng(0)) - x
  power = np.abs(np.fft.rfft(added)) ** 2
  hertz = np.fft.rfftfreq(len(x), 1 / RATE)
  octaves = [
    10 * np.log10(power[(hertz > f) & (hertz < 2 * f)].mean())
    for f in (200, 400, 800, 1600, 3200)
  ]
  np.testing.assert_allclose(np.diff(octaves), want, atol=0.5)


def test_a_shift_cuts_on_one_side_and_is_silent_on_the_other():
  x = np.arange(1, 801, dtype=np.float32)
  shift = transforms.RandomShift(seconds=0.04)  # 640 samples
  rng, moves = np.random.default_rng(0), []
  for _ in range(200):
    new = shift(x, rng)
    real = np.flatnonzero(new)
    move = int(real[0] + 1 - new[real[0]])
    assert (new[real] == real + 1 - move).all()
    assert len(real) == len(x) - abs(move)
    moves.append(move)
  assert -640 <= min(moves) < -600
  assert 600 < max(moves) <= 640
  far = transforms.RandomShift(seconds=60.0)(x, np.random.default_rng(0))
  assert not far.any()


@pytest.mark.parametrize(
  ('build', 'message'),
  [
    (
      lambda: transforms.RandomGain(decibels=(6.0, -6.0)),
      'decibels 6 -6 do not rise',
    ),
    (
      lambda: transforms.RandomNoise(snr=(0.0, float('inf'))),
      'snr 0 inf do not rise',
    ),
    (lambda: transforms.RandomNoise(rate=-1.0), 'rate -1.0 is not a prob'),
    (lambda: transforms.RandomShift(seconds=-1.0), 'seconds -1.0 is negative'),
  ],
)
def test_impossible_fields_are_named(build, message):
  with pytest.raises(InputError, match=message):
    build()
