"""Tinted things: what they are called, and what training never hears."""

import colorsys

import numpy as np
import pytest

from mmjax.data import splits
from mmjax.data.datasets import tinted_things as things
from mmjax.data.datasets.scenes import Scenes
from mmjax.data.datasets.tinted import Tinted
from mmjax.data.transforms import ColorJitter
from mmjax.types import InputError
from tests.data.stamps_folder import make_stamp


@pytest.fixture(scope='module')
def data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('tinted')
  for number in range(60):
    category = tuple(things.STAMPS)[number % 2]
    make_stamp(folder / 'stamps', f'{category}/{number}', number)
  return Tinted(
    scenes=Scenes(
      root=str(folder / 'stamps'),
      cache=str(folder / 'cache'),
      categories=tuple(things.STAMPS),
      shapes=0,
      image_size=64,
      examples={'train': 40, 'validation': 40, 'test': 40},
    )
  )


def hue(color):
  return 360 * colorsys.rgb_to_hsv(*color / 255)[0]


def names(example):
  """Phrases of the things, and all that are asked for."""
  asked = [things.PHRASES[i] for i in example['phrases'] if i >= 0]
  return [asked[i] for i in example['things'] if i >= 0], asked


def test_pairs_are_new_and_words_are_not():
  new = {split: things.novel(split) for split in ('validation', 'test')}
  assert things.novel('train') == ()
  assert len(things.PHRASES) == 56
  assert len(things.heard()) == 40
  parts = [{*things.heard()}, *({*x} for x in new.values())]
  assert len(set.union(*parts)) == sum(map(len, parts)) == 56
  heard = ' '.join(things.heard()).split()
  for split in new:
    assert sorted(name.split()[1] for name in new[split]) == sorted(
      things.KINDS
    )
    assert min(heard.count(w) for x in new[split] for w in x.split()) >= 5


def test_training_never_meets_what_is_kept_from_it(data):
  said, asked = set(), set()
  for row in data.source('train'):
    for rng in (None, np.random.default_rng(row['row'])):
      there, all_of_them = names(data.prepare(row, rng))
      said, asked = said | {*there}, asked | {*all_of_them}
      assert {*there} <= {*all_of_them}
      assert len({*all_of_them}) == len(all_of_them)
      assert len(all_of_them) == len({*there}) + data.negatives
  assert asked == {*things.heard()}
  assert len(said) > 30
  assert said <= asked


def test_half_of_what_is_evaluated_is_new(data):
  for split in ('validation', 'test'):
    found = []
    for row in data.source(split):
      there, asked = names(data.prepare(row, None))
      assert asked == [*things.PHRASES]
      found += there
    new = np.isin(found, things.novel(split))
    assert 0.3 < new.mean() < 0.7
    assert {*np.array(found)[~new]} <= {*things.heard()}


def test_a_scene_is_that_of_its_row(data):
  def prepared(split, rng=None):
    return [data.prepare(row, rng) for row in data.source(split)[:5]]

  for split in ('train', 'test'):
    for one, two in zip(prepared(split), prepared(split), strict=True):
      for key in ('image', 'text', 'phrases', 'things', 'boxes'):
        np.testing.assert_array_equal(one[key], two[key])
  seen = [x['image'].tobytes() for s in ('train', 'test') for x in prepared(s)]
  assert len({*seen}) == len(seen)
  again = prepared('train', np.random.default_rng(5))
  assert (again[0]['image'] != prepared('train')[0]['image']).any()
  assert (again[0]['phrases'] != prepared('train')[0]['phrases']).any()


def test_arrays_say_what_is_in_the_scene(data):
  for row in data.source('train'):
    one = data.prepare(row, np.random.default_rng(row['row']))
    scene = data.scene(row, np.random.default_rng(row['row']))
    np.testing.assert_array_equal(one['image'], scene.image)
    there, asked = names(one)
    assert there == [thing.text for thing in scene.things]
    boxes = [thing.box for thing in scene.things]
    np.testing.assert_allclose(one['boxes'][: len(boxes)], boxes, rtol=1e-6)
    assert not one['boxes'][len(boxes) :].any()
    real = one['mask']['text']
    np.testing.assert_array_equal(real.all(axis=1), one['phrases'] >= 0)
    np.testing.assert_array_equal(real.any(axis=1), one['phrases'] >= 0)
    pairs = zip(one['text'], real, strict=True)
    decoded = [data.words.decode(x[m]) for x, m in pairs]
    assert decoded == asked + [''] * (56 - len(asked))


def test_things_have_their_colours(data):
  seen = set()
  for row in data.source('test'):
    scene = data.scene(row, None)
    for i, thing in enumerate(scene.things, 1):
      color, kind = thing.text.split()
      pixels = scene.image[scene.instances == i].astype(float)
      least, most = things.COLORS[color]
      apart = (hue(np.median(pixels, axis=0)) - (least + most) / 2 + 180) % 360
      assert abs(apart - 180) < (most - least) / 2 + 4
      seen.add(kind)
      if kind in things.STAMPS.values():
        assert splits.split_of(thing.name) == 'test'
        assert things.STAMPS[thing.name.split('/')[0]] == kind
  assert seen == {*things.KINDS}


def test_shapes_cover_what_they_should(rng):
  # Of a square; a cross is of thirds, a star has corners at 0.45 of its tips.
  share = {
    'circle': np.pi / 4, 'square': 1, 'triangle': 1 / 2,
    'ring': np.pi / 4 * (1 - 1 / 4), 'cross': 5 / 9,
    'star': 5 * 0.45 * np.sin(np.pi / 5) / 4,
  }  # fmt: skip
  assert {*share} == {*things.SHAPES}
  for kind, wanted in share.items():
    drawn = things.draw_shape(kind, 'green', rng)
    assert drawn.shape == (80, 80, 4)
    assert drawn[..., 3].mean() / 255 == pytest.approx(wanted, abs=0.015)


def test_a_tinted_picture_keeps_its_lights_and_opacity(rng):
  cut = np.zeros((2, 3, 4), np.uint8)
  cut[..., :3] = np.array([0, 128, 255])[None, :, None]
  cut[..., 3] = [[9, 99, 255]] * 2
  found = things.tint(cut, 'blue', rng)
  np.testing.assert_array_equal(found[..., 3], cut[..., 3])
  light = found[0, :, :3].astype(float) @ [0.299, 0.587, 0.114]
  assert (np.diff(light) > 10).all()
  for color in found[0, :, :3]:
    assert 205 < hue(color.astype(float)) < 245


def test_stamps_are_jittered_in_training_alone(data):
  given = {
    field: getattr(data.scenes, field)
    for field in ('root', 'cache', 'categories', 'shapes', 'image_size')
  }
  jitter = ColorJitter(brightness=0.9)
  other = Tinted(
    scenes=Scenes(**given, augment=(jitter,), examples=data.scenes.examples)
  )
  seen = 0
  for row in data.source('train'):
    for train in (False, True):
      rngs = [np.random.default_rng(1) if train else None for _ in range(2)]
      scene = data.scene(row, rngs[0])
      changed = (scene.image != other.scene(row, rngs[1]).image).any()
      stamps = [t for t in scene.things if '/' in t.name]
      if train and stamps:
        assert changed
      elif not train:
        assert not changed
        continue
      seen += bool(stamps)
    if seen > 3:
      return
  raise AssertionError('no stamp was seen')


def test_what_does_not_fit():
  with pytest.raises(InputError, match='negatives 37 is not from 0 to 36'):
    Tinted(negatives=37)
  with pytest.raises(InputError, match=r"scenes.categories \('food',\)"):
    Tinted(scenes=Scenes(categories=('food',)))
  with pytest.raises(InputError, match='view'):
    Tinted().source('test', 'other')
