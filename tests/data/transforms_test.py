import colorsys
import io

import numpy as np
import pytest
from PIL import Image

from mmjax.data import transforms
from mmjax.data.transforms.base import to_pil
from mmjax.types import InputError

ALL = [
  transforms.RandomResizedCrop(size=12),
  transforms.RandomFlip(),
  transforms.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
  transforms.RandomAffine(shift=0.2, rotate=30.0, scale=(0.8, 1.2)),
  transforms.RandAugment(magnitude=9.0),
  transforms.RandomErasing(rate=0.8),
  transforms.Resize(size=12),
]


class Fixed(np.random.Generator):
  """Draws one value of every range, the largest unless told otherwise."""

  def __init__(self, draw=lambda low, high: high):
    super().__init__(np.random.PCG64(0))
    self._draw = draw

  def uniform(self, low, high, size=None):
    value = self._draw(low, high)
    return value if size is None else np.full(size, value)


def _image(h=16, w=20, c=3, seed=0):
  return np.random.default_rng(seed).integers(0, 256, (h, w, c), np.uint8)


@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('transform', ALL, ids=lambda t: type(t).__name__)
def test_is_a_function_of_image_and_generator(transform, channels):
  image = _image(c=channels)
  before = image.copy()
  new = transform(image, np.random.default_rng(7))
  again = transform(image, np.random.default_rng(7))
  assert new.dtype == np.uint8
  assert new.shape[2] == channels
  np.testing.assert_array_equal(new, again)
  np.testing.assert_array_equal(image, before)
  if transform is not ALL[-1]:
    draws = [transform(image, np.random.default_rng(i)) for i in range(20)]
    assert any(not np.array_equal(new, draw) for draw in draws)


def test_chain_applies_its_steps_in_order_from_one_generator():
  crop, flip = transforms.RandomResizedCrop(size=8), transforms.RandomFlip()
  chain = transforms.Chain(steps=(crop, flip))
  for seed in range(4):
    rng = np.random.default_rng(seed)
    expected = flip(crop(_image(), rng), rng)
    new = chain(_image(), np.random.default_rng(seed))
    np.testing.assert_array_equal(new, expected)


def test_resize_averages_when_it_shrinks():
  checkers = np.indices((64, 64)).sum(0)[..., None] % 2 * 255
  small = transforms.Resize(size=8)(checkers.astype(np.uint8), None)
  assert small.shape == (8, 8, 1)
  np.testing.assert_allclose(small, 127.5, atol=4)


def test_crop_keeps_the_asked_share_of_the_area_and_shape():
  crop = transforms.RandomResizedCrop(
    size=8, scale=(0.2, 0.5), ratio=(0.5, 2.0)
  )
  rng = np.random.default_rng(0)
  boxes = np.array([crop.box(_image(40, 50), rng) for _ in range(500)])
  width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
  area, ratio = width * height / 2000, width / height
  assert boxes.min() >= 0
  assert boxes[:, 2].max() <= 50
  assert boxes[:, 3].max() <= 40
  np.testing.assert_allclose([area.min(), area.max()], [0.2, 0.5], atol=0.01)
  assert 0.5 <= ratio.min() < 0.55
  assert 1.8 < ratio.max() <= 2.0


def test_crop_is_pillows_resize_of_the_box():
  image = _image(90, 120)
  for seed in range(20):
    size = (8, 64)[seed % 2]
    crop = transforms.RandomResizedCrop(size=size, scale=(0.05, 1.0))
    box = crop.box(image, np.random.default_rng(seed))
    want = Image.fromarray(image).resize(
      (size, size), Image.Resampling.BICUBIC, box=box
    )
    new = crop(image, np.random.default_rng(seed))
    np.testing.assert_array_equal(new, want)


def test_what_pillow_does_is_the_same_of_its_images():
  for transform in (ALL[0], ALL[1], ALL[-1]):
    assert isinstance(transform, transforms.OfPicture)
    for seed in range(4):
      image = _image(40, 50)
      want = transform(image, np.random.default_rng(seed))
      new = transform.of_picture(
        Image.fromarray(image), rng=np.random.default_rng(seed)
      )
      np.testing.assert_array_equal(np.asarray(new), want)


def test_jpeg_is_decoded_no_finer_than_a_crop_needs():
  file = io.BytesIO()
  small = Image.fromarray(_image(6, 8))
  small.resize((640, 480), Image.Resampling.BICUBIC).save(file, 'JPEG')
  crop = transforms.RandomResizedCrop(size=32, scale=(0.2, 1.0))
  for seed in range(8):
    with Image.open(io.BytesIO(file.getvalue())) as image:
      part = crop.of_picture(image, rng=np.random.default_rng(seed))
      assert image.width <= 320
    whole = np.asarray(Image.open(io.BytesIO(file.getvalue())))
    want = crop(whole, np.random.default_rng(seed)).astype(int)
    difference = np.abs(np.asarray(part) - want)
    assert difference.mean() < 1.5
    assert difference.max() < 20


def test_crop_of_everything_is_the_image():
  crop = transforms.RandomResizedCrop(
    size=16, scale=(1.0, 1.0), ratio=(1.0, 1.0)
  )
  image = _image(16, 16)
  new = crop(image, np.random.default_rng(0))
  np.testing.assert_array_equal(new, image)


def test_crop_of_a_very_long_image_falls_back_to_its_middle():
  crop = transforms.RandomResizedCrop(
    size=4, scale=(1.0, 1.0), ratio=(1.0, 1.0)
  )
  box = crop.box(_image(10, 100), np.random.default_rng(0))
  assert box == (45, 0, 55, 10)


def test_flip_mirrors_at_its_rate():
  image = _image()
  rng = np.random.default_rng(0)
  flip = transforms.RandomFlip(rate=0.25)
  mirrored = [
    np.array_equal(flip(image, rng), image[:, ::-1]) for _ in range(1000)
  ]
  assert abs(np.mean(mirrored) - 0.25) < 0.05


def test_brightness_scales_every_value():
  jitter = transforms.ColorJitter(brightness=0.5)
  image = _image() // 2
  factors = []
  for seed in range(50):
    new = jitter(image, np.random.default_rng(seed))
    factors.append(new.sum() / image.sum())
    np.testing.assert_allclose(new, image * factors[-1], atol=1)
  assert 0.5 <= min(factors) < 0.6
  assert 1.4 < max(factors) <= 1.5


@pytest.mark.parametrize('channels', [1, 3])
def test_contrast_keeps_the_mean_and_scales_the_spread(channels):
  image = 96 + _image(c=channels) // 4
  new = transforms.ColorJitter(contrast=0.5)(image, Fixed())
  luma = [0.299, 0.587, 0.114] if channels == 3 else [1.0]
  old_mean, new_mean = (x.mean((0, 1)) @ luma for x in (image, new))
  assert abs(old_mean - new_mean) < 0.5
  np.testing.assert_allclose(
    new.std((0, 1)) / image.std((0, 1)), 1.5, rtol=0.02
  )


def test_no_saturation_is_grey_of_the_same_luma():
  jitter = transforms.ColorJitter(saturation=1.0)
  new = jitter(_image(), Fixed(lambda low, high: low))
  assert (new[..., :1] == new).all()
  luma = _image() @ np.array([0.299, 0.587, 0.114])
  np.testing.assert_allclose(new[..., 0], luma, atol=0.51)


def test_hue_turns_red_through_green_and_leaves_grey_alone():
  jitter = transforms.ColorJitter(hue=0.5)
  image = np.array([[[200, 0, 0], [90, 90, 90], [120, 60, 60]]], np.uint8)
  new = jitter(image, Fixed(lambda low, high: high * 2 / 3))[0]
  np.testing.assert_allclose(new[:2], [[0, 200, 0], [90, 90, 90]], atol=1)
  hue, _, _ = colorsys.rgb_to_hsv(*(new[2] / 255))
  assert abs(hue - 1 / 3) < 0.01


def test_colours_leave_opacity_alone():
  image = _image(c=4)
  new = ALL[2](image, np.random.default_rng(0))
  np.testing.assert_array_equal(new[..., 3], image[..., 3])
  assert not np.array_equal(new, image)


def test_affine_shifts_right_and_down_and_fills():
  image = np.full((8, 8, 1), 10, np.uint8)
  image[2, 3] = 200
  new = transforms.RandomAffine(shift=0.25, fill=255)(image, Fixed())
  assert new[4, 5, 0] == 200
  assert (new[:2] == 255).all()
  assert (new[:, :2] == 255).all()


def test_affine_turns_clockwise_about_the_middle():
  image = _image(9, 9)
  new = transforms.RandomAffine(rotate=90.0)(image, Fixed())
  # Pillow cuts decimals off where it interpolates.
  np.testing.assert_allclose(new.astype(int), np.rot90(image, -1), atol=1)


def test_affine_grows_about_the_middle():
  image = np.zeros((16, 16, 1), np.uint8)
  image[6:10, 6:10] = 255
  new = transforms.RandomAffine(scale=(0.5, 2.0))(image, Fixed())
  assert abs(new.sum() / image.sum() - 4) < 0.3
  np.testing.assert_array_equal(new, new[::-1, ::-1])


@pytest.mark.parametrize(
  ('build', 'message'),
  [
    (lambda: transforms.Resize(size=0), 'size 0 is not'),
    (
      lambda: transforms.RandomResizedCrop(size=8, scale=(0.5, 1.5)),
      'scale 0.5 1.5 must be two rising numbers above 0, at most 1',
    ),
    (
      lambda: transforms.RandomResizedCrop(size=8, ratio=(2.0, 1.0)),
      'ratio 2 1 must be',
    ),
    (lambda: transforms.RandomFlip(rate=2.0), 'rate 2.0 is not a probability'),
    (lambda: transforms.ColorJitter(hue=0.6), 'hue 0.6 is not between 0 and'),
    (
      lambda: transforms.RandomAffine(rotate=-1.0),
      'rotate -1.0 is not between',
    ),
    (
      lambda: transforms.RandAugment(magnitude=11.0),
      'magnitude 11.0 is not between 0 and 10',
    ),
    (lambda: transforms.RandAugment(number=0), 'number 0 is not at least 1'),
    (
      lambda: transforms.RandomErasing(value=300),
      'value 300 is not between 0 and 255',
    ),
    (
      lambda: transforms.RandomErasing(scale=(0.0, 0.4)),
      'scale 0 0.4 must be two rising numbers above 0, at most 1',
    ),
  ],
)
def test_impossible_fields_are_named(build, message):
  with pytest.raises(InputError, match=message):
    build()


def test_an_image_of_another_type_is_named():
  with pytest.raises(ValueError, match=r'uint8 \[h w c\].*not float32 \[2, 2'):
    to_pil(np.zeros((2, 2, 3), np.float32))
