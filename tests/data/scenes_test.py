"""Scenes: the same whenever they are made, and known to the pixel."""

import numpy as np
import pytest
from PIL import Image

from mmjax.data import images, splits, textures
from mmjax.data.datasets import scenes_stamps
from mmjax.data.datasets.scenes import Scenes
from mmjax.data.errors import RecordError
from mmjax.data.transforms import ColorJitter
from mmjax.types import InputError
from tests.data.stamps_folder import make_folder


@pytest.fixture(scope='module')
def data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('scenes')
  return Scenes(
    root=str(make_folder(folder / 'stamps')),
    cache=str(folder / 'cache'),
    categories=('animals', 'food'),
    image_size=48,
    examples={'train': 20, 'validation': 20, 'test': 40},
  )


def prepared(data, split, **given):
  return [data.prepare(row, None, **given) for row in data.source(split)]


def test_a_scene_is_a_function_of_its_row(data):
  first, again = prepared(data, 'test'), prepared(data, 'test')
  for a, b in zip(first, again, strict=True):
    for key in ('image', 'segments', 'things', 'boxes'):
      np.testing.assert_array_equal(a[key], b[key])
  assert len({one['image'].tobytes() for one in first}) == len(first)
  others = prepared(data, 'validation')
  assert (first[0]['image'] != others[0]['image']).any()


def test_training_never_sees_a_scene_twice(data):
  row = data.source('train')[3]
  one, two, again = (
    data.prepare(row, np.random.default_rng(i)) for i in (1, 2, 1)
  )
  np.testing.assert_array_equal(one['image'], again['image'])
  assert (one['image'] != two['image']).any()


def test_no_stamp_is_in_two_splits(data):
  for split in ('train', 'validation', 'test'):
    names = {
      thing.name
      for row in data.source(split)
      for thing in data.scene(row, None).things
    }
    assert names
    assert {splits.split_of(name) for name in names} == {split}


def test_boxes_and_segments_are_those_of_the_pixels(data):
  counts, seen = set(), 0
  for row in data.source('test'):
    scene, example = data.scene(row, None), data.prepare(row, None)
    numbers = np.unique(scene.instances)
    assert numbers.max() == len(scene.things) <= 4
    counts.add(len(scene.things))
    segments = np.zeros((48, 48), int)
    for i, thing in enumerate(scene.things):
      place = np.argwhere(scene.instances == i + 1)
      # Left, top, right, bottom; half of each stamp is seen, at least.
      (top, left), (bottom, right) = place.min(0), place.max(0) + 1
      want = np.array([left, top, right, bottom]) / 48
      np.testing.assert_allclose(thing.box, want)
      np.testing.assert_allclose(example['boxes'][i], want, rtol=1e-6)
      number = data.categories.index(thing.category)
      assert example['things'][i] == number
      segments[scene.instances == i + 1] = number + 1
      assert thing.text.startswith('Thing')
      seen += 1
    np.testing.assert_array_equal(example['segments'], segments)
    assert (example['things'][len(scene.things) :] == -1).all()
    assert example['image'].shape == (48, 48, 3)
    assert example['image'].dtype == np.uint8
    assert example['mask']['image']
  assert counts >= {1, 2, 3}
  assert seen > 60


def test_a_stamp_has_its_colour_where_the_segments_say_so(tmp_path, data):
  # All stamps of the folder are nearly black in red, green and blue, or red.
  for row in data.source('test')[:10]:
    scene = data.scene(row, None)
    inside = scene.instances > 0
    # An edge is mixed with what is behind it.
    edge = np.zeros_like(inside)
    for axis in (0, 1):
      for step in (-1, 1):
        edge |= np.roll(scene.instances, step, axis) != scene.instances
    pixels = scene.image[inside & ~edge].astype(int)
    red = (pixels[:, 0] > 250) & (pixels[:, 1:] < 5).all(axis=1)
    dark = (np.abs(pixels - [12, 20, 30]) <= [12, 1, 1]).all(axis=1)
    assert (red | dark).mean() > 0.95


def test_colours_change_in_training_alone(data):
  jitter = ColorJitter(hue=0.5)
  changed = Scenes(
    **{
      **{f: getattr(data, f) for f in ('root', 'cache', 'categories')},
      'image_size': 48,
      'examples': data.examples,
      'augment': (jitter,),
    }
  )
  row = data.source('train')[0]
  np.testing.assert_array_equal(
    data.prepare(row, None)['image'], changed.prepare(row, None)['image']
  )
  one, two = (
    d.prepare(row, np.random.default_rng(0))['image'] for d in (data, changed)
  )
  assert (one != two).any()


def test_stamps_that_cannot_be_read_are_left_out(tmp_path, data):
  root = make_folder(tmp_path / 'stamps')
  broken = root / 'animals/things/animals1.png'
  broken.write_bytes(b'nothing')
  kept = scenes_stamps.read(
    scenes_stamps.prepare(
      str(root), cache=str(tmp_path), categories=('animals', 'food')
    )
  )
  assert len(kept.names) == 23
  assert 'animals/things/animals1.txt' not in kept.names
  # Twice as wide as high, or a square.
  assert {kept.cut(i).shape for i in range(23)} == {(40, 80, 4), (80, 80, 4)}


def test_what_is_transparent_is_cut_off(tmp_path):
  pixels = np.zeros((20, 30, 4), np.uint8)
  pixels[5:10, 10:20] = (1, 2, 3, 255)
  file = tmp_path / 'a.png'
  Image.fromarray(pixels).save(file)
  cut = images.cut_out(file, size=10)
  np.testing.assert_array_equal(cut, pixels[5:10, 10:20])
  Image.fromarray(pixels * 0).save(file)
  with pytest.raises(RecordError, match='all of it is transparent'):
    images.cut_out(file, size=10)


def test_grounds_are_all_different_and_in_range():
  made = [textures.ground(32, np.random.default_rng(i)) for i in range(30)]
  for one in made:
    assert one.shape == (32, 32, 3)
    assert one.min() >= 0
    assert one.max() <= 255
  # Textured: more than a constant, in nearly all of them.
  assert np.mean([one.std() > 5 for one in made]) > 0.9


@pytest.mark.parametrize(
  ('given', 'match'),
  [
    ({'categories': ('animal',)}, "perhaps 'animals'"),
    ({'image_size': 8}, 'image_size 8'),
    ({'scale': (0.6, 0.2)}, 'two rising shares'),
    ({'seen': 0.0}, 'seen 0.0 is not a share'),
  ],
)
def test_fields_that_do_not_fit(given, match):
  with pytest.raises(InputError, match=match):
    Scenes(**given)


def test_a_category_without_stamps(tmp_path, data):
  other = Scenes(root=data.root, cache=data.cache, categories=('town',))
  with pytest.raises(InputError, match="no stamp of 'town' falls into"):
    other.source('train')


def test_a_scene_in_which_nothing_can_be_seen(data, monkeypatch):
  empty = lambda *args, **given: np.zeros((9, 9, 4), np.uint8)  # noqa: E731
  monkeypatch.setattr(Scenes, '_stamp', empty)
  example = data.prepare(data.source('test')[0], None)
  assert (example['things'] == -1).all()
  assert not example['segments'].any()
  assert not example['boxes'].any()
