"""What `preprocessor_config.json` says, and what is no picture."""

import numpy as np
import pytest
from PIL import Image

from mmjax.pretrained.images import ImageProcessor, center_crop, open_picture
from mmjax.types import InputError


def _read(**config):
  return ImageProcessor(size=8, square=False).read(config)


def test_an_empty_file_changes_nothing():
  assert _read() == ImageProcessor(size=8, square=False)
  assert _read(size=None, do_center_crop=None, do_pad=None) == _read()


@pytest.mark.parametrize(
  ('name', 'size', 'crop'),
  [
    ('CLIPFeatureExtractor', 9, (224, 224)),
    ('BitImageProcessor', 9, (224, 224)),
    ('SiglipImageProcessorFast', 9, None),
    ('ViTFeatureExtractor', (9, 9), None),
    ('DeiTImageProcessor', (9, 9), (224, 224)),
    ('ConvNextImageProcessor', 10, (9, 9)),
    ('OtherImageProcessor', 9, None),
  ],
)
def test_a_number_is_what_its_class_takes_it_for(name, size, crop):
  found = _read(image_processor_type=name, size=9)
  assert (found.size, found.crop) == (size, crop)


@pytest.mark.parametrize(
  ('config', 'message'),
  [
    ({'size': {'shortest_edge': 4, 'longest_edge': 9}}, 'size .* is not known'),
    ({'size': 'large'}, "size 'large' is not known"),
    ({'do_rescale': False}, 'rescale_factor 0.0039.* is not 1 / 255'),
    ({'rescale_factor': 1}, 'rescale_factor 1 is not 1 / 255'),
    ({'do_pad': True}, 'do_pad is not known'),
    (
      {'size': [4, 4], 'image_processor_type': 'ConvNextImageProcessor'},
      r'size .4, 4. has no shortest_edge',
    ),
  ],
)
def test_what_is_not_known_is_refused(config, message):
  with pytest.raises(InputError, match=f'preprocessor_config.json: {message}'):
    _read(**config)


def test_what_is_transparent_shows_white():
  clear = np.zeros((2, 2, 4), np.uint8)
  clear[0, :, 3] = 255
  for picture in (clear, Image.fromarray(clear), clear / 255):
    x = np.asarray(open_picture(picture))
    assert x.tolist() == [[[0] * 3] * 2, [[255] * 3] * 2]


@pytest.mark.parametrize(
  ('picture', 'message'),
  [
    (np.zeros((2, 2, 2), np.uint8), r'shape \(2, 2, 2\), not \[h w 3\]'),
    (np.full((2, 2), 2.0), 'floats is not in 0..1'),
    (np.full((2, 2), np.nan), 'floats is not in 0..1'),
    (np.full((2, 2), 256), 'int64 is not in 0..255'),
    ('/no/such/file', '/no/such/file is not a picture: '),
  ],
)
def test_what_is_no_picture_is_refused(picture, message):
  with pytest.raises(InputError, match=message):
    open_picture(picture)


def test_a_crop_beyond_the_picture_is_zero():
  x = np.ones((2, 3, 1), np.uint8)
  found = center_crop(x, (5, 2))[..., 0]
  assert found.tolist() == [[0, 0], [0, 0], [1, 1], [1, 1], [0, 0]]


def test_pictures_that_stay_of_several_sizes_are_refused():
  pictures = [np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8)]
  with pytest.raises(InputError, match=r'several sizes: .*8, 8, 3.*8, 9, 3'):
    ImageProcessor()(pictures)
