"""Driving: sensors say what happens, and none of them says all."""

import numpy as np
import pytest

from mmjax.data import pipeline
from mmjax.data.datasets import driving_world as world
from mmjax.data.datasets.driving import SENSORS, UNSEEN, VIEWS, Driving
from mmjax.types import InputError

SMALL = Driving(examples={'train': 96, 'validation': 48, 'test': 192})


def take(split, view='default', count=48):
  return next(
    iter(pipeline.eval_batches(SMALL, split, batch_size=count, view=view))
  )


@pytest.fixture(scope='module')
def test():
  return take('test', count=192)


def distance(one, other):
  return np.linalg.norm((one - other).reshape(len(one), -1, 2), axis=-1).mean()


def test_arrays_are_as_said(test):
  assert test['video'].shape == (192, 4, 32, 48, 3)
  assert test['audio'].shape == (192, 8000)
  assert test['sensor'].shape == (192, 40, 4)
  assert all(mask.all() for mask in test['mask'].values())
  np.testing.assert_allclose(
    test['change'], test['path'] - test['straight'], atol=1e-5
  )
  # Now is where the car is.
  assert np.abs(test['sensor'][:, -1, :2]).mean() < 1.0


def test_an_arc_is_better_than_a_line_and_not_good(test):
  line = distance(test['path'], test['straight'])
  arc = distance(test['path'], test['turning'])
  assert 0.5 < arc < line


def test_splits_differ_and_never_change():
  one, again, other = take('test'), take('test'), take('validation')
  for name in SENSORS:
    np.testing.assert_array_equal(one[name], again[name])
  assert not np.array_equal(one['video'], other['video'])
  assert one['unseen'].any()
  assert not other['unseen'].any()
  assert not take('train')['unseen'].any()


@pytest.mark.parametrize('failing', SENSORS)
def test_what_fails_is_masked_until_now(failing):
  whole, less = take('test'), take('test', f'without_{failing}')
  for name in SENSORS:
    np.testing.assert_array_equal(whole[name], less[name])
    mask = less['mask'][name]
    if name != failing:
      assert mask.all()
      continue
    assert not mask[:, -1].any()
    # Once gone it stays away.
    assert not (mask[:, 1:] & ~mask[:, :-1]).any()
    assert mask[:, 0].any()
  worse = distance(less['path'], less['straight'])
  better = distance(whole['path'], whole['straight'])
  assert worse > better if failing == 'sensor' else worse == better


def test_in_training_some_drives_lose_a_sensor():
  batch = take('train', count=96)
  whole = np.all([batch['mask'][name].all(axis=1) for name in SENSORS], axis=0)
  assert 0.25 < whole.mean() < 0.55


def test_cars_brake_for_red_lights_and_stay_on_the_road():
  rng = np.random.default_rng(0)
  drives = [world.draw_drive('city', 'day', rng) for _ in range(60)]
  for drive in drives:
    # What ran over the light was too near to it when the drive began.
    assert drive.s[-1] < drive.light or drive.light < drive.speed[0] ** 2 / 6
    np.testing.assert_allclose(drive.place[world.PAST - 1], 0)
    turned = np.diff(drive.heading) / world.STEP
    np.testing.assert_allclose(turned, drive.turn[1:], atol=1e-9)
  lit = [d for d in drives if d.light < d.s[-1] + 5]
  assert lit
  free = [d for d in drives if np.isinf(d.light)]
  slower = np.mean([d.speed[-1] / d.speed[0] for d in lit])
  assert slower < 0.7 * np.mean([d.speed[-1] / d.speed[0] for d in free])


def test_the_camera_sees_bends_and_lights_at_night_too():
  rng = np.random.default_rng(1)
  plain = world.draw_drive('gravel', 'day', rng)._replace(light=np.inf)
  ahead = plain.s[world.PAST - 1] + 20
  brown = {}
  for side, most in (('left', 0.05), ('right', -0.05)):
    bends = np.array([[ahead, 20.0, most]])
    picture = world.see(plain._replace(bends=bends), world.PAST - 1, rng)
    road = picture[13:18, :, 0].astype(int) > picture[13:18, :, 1]
    brown[side] = np.argwhere(road)[:, 1].mean()
  assert brown['left'] < brown['right'] - 3
  night = plain._replace(weather='night', bends=np.array([[0, 1, 0.0]]))
  dark = world.see(night, world.PAST - 1, rng)
  lit = world.see(night._replace(light=ahead), world.PAST - 1, rng)
  red = (lit[..., 0] > 200) & (lit[..., 1] < 80)
  assert dark[:12].mean() < 40
  assert red.sum() >= 3


def test_surfaces_sound_different(test):
  power = np.abs(np.fft.rfft(test['audio'])) ** 2
  frequency = np.fft.rfftfreq(8000, 1 / 16_000)
  # Above the engine.
  high = frequency > 250
  middle = (power[:, high] * frequency[high]).sum(1) / power[:, high].sum(1)
  kinds = tuple(world.KINDS)
  means = {k: middle[test['label'] == i].mean() for i, k in enumerate(kinds)}
  assert means['gravel'] < means['motorway'] - 100


def test_combinations_are_held_out():
  for kind, weather in UNSEEN:
    assert kind in world.KINDS
    assert weather in world.WEATHERS
  assert VIEWS[1:] == tuple(f'without_{name}' for name in SENSORS)


def test_bad_fields_are_refused():
  with pytest.raises(InputError, match='examples has none of test'):
    Driving(examples={'train': 8, 'validation': 8})
