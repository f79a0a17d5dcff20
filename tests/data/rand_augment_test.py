import numpy as np
import pytest

from mmjax.data import transforms
from mmjax.data.transforms.base import to_pil
from mmjax.data.transforms.rand_augment import CHANGES


def _image(h=16, w=20, c=3):
  return np.random.default_rng(0).integers(0, 256, (h, w, c), np.uint8)


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize(
  'name', sorted({*CHANGES} - {'auto_contrast', 'equalize'})
)
def test_a_change_without_strength_is_none(name, channels):
  image = _image(c=channels)
  new = np.array(CHANGES[name](to_pil(image), 0.0, 128))
  np.testing.assert_array_equal(new.reshape(image.shape), image)


def _changed(name, image, level=1.0):
  new = np.array(CHANGES[name](to_pil(image), level, 128))
  return new.reshape(image.shape)


def test_changes_are_what_they_are_called():
  image = _image(20, 20, c=3)
  assert (_changed('solarize', image) == 255 - image).all()
  assert (_changed('posterize', image) == image // 16 * 16).all()
  dark = _changed('brightness', image, -1.0)
  np.testing.assert_allclose(dark, image * 0.1, atol=1)
  grey = _changed('color', image, -1.0).astype(int)
  assert np.ptp(grey, axis=-1).max() <= 0.1 * 255 + 1
  right = _changed('translate_x', image, -1.0)
  assert (right[:, 9:] == image[:, :11]).all()
  assert (right[:, :9] == 128).all()
  flat = 100 + _image() // 8
  for name in 'auto_contrast', 'equalize':
    assert _changed(name, flat).min() == 0
    assert _changed(name, flat).max() == 255
  opaque = _image(c=4)
  for name in 'equalize', 'brightness':
    assert (_changed(name, opaque)[..., 3] == opaque[..., 3]).all()


def test_rand_augment_makes_number_changes_of_all_kinds(monkeypatch):
  counts = dict.fromkeys(CHANGES, 0)
  levels = []

  def count(name):
    def change(image, level, fill):
      counts[name] += 1
      levels.append(level)
      return image

    return change

  for name in CHANGES:
    monkeypatch.setitem(CHANGES, name, count(name))
  rng = np.random.default_rng(0)
  augment = transforms.RandAugment(number=3, magnitude=4.0)
  for _ in range(500):
    augment(_image(), rng)
  assert sum(counts.values()) == 1500
  assert min(counts.values()) > 60  # of about 107
  np.testing.assert_allclose(np.unique(levels), [-0.4, 0.4])
