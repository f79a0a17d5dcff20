"""Pixels against those of transformers itself."""

import json

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')

from mmjax import pretrained  # noqa: E402
from tests.pretrained.tiny_folders import Folders, clean  # noqa: E402

# PyTorch and transformers warn of each other.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings('default')]


def _noise(*shape):
  rng = np.random.default_rng(sum(shape))
  return rng.integers(0, 256, shape).astype(np.uint8)


def _pictures():
  """Every kind of picture; all of them in one batch."""
  rgb = Image.fromarray(_noise(40, 51, 3))
  palette = rgb.quantize(16)
  clear = palette.copy()
  clear.info['transparency'] = 3
  return {
    'rgb': rgb,
    'rgba': Image.fromarray(_noise(37, 29, 4)),
    'grey': Image.fromarray(_noise(33, 47)),
    'grey and alpha': Image.fromarray(_noise(33, 47, 2)),
    'palette': palette,
    'palette with a clear colour': clear,
    'one bit': rgb.convert('1'),
    'cmyk': rgb.convert('CMYK'),
    'one wide': Image.fromarray(_noise(41, 1, 3)),
    'one high': Image.fromarray(_noise(1, 41, 3)),
    'one pixel': Image.fromarray(_noise(1, 1, 3)),
    'very wide': Image.fromarray(_noise(7, 300, 3)),
    'very high': Image.fromarray(_noise(301, 9, 3)),
    'small': Image.fromarray(_noise(5, 6, 3)),
    'large': Image.fromarray(_noise(403, 299, 3)),
    'array': _noise(23, 35, 3),
    'flat array': _noise(35, 23),
    'array of four': _noise(35, 23, 4),
    'channels first': _noise(3, 35, 23),
  }


SMALL = {'shortest_edge': 30}
FILES = {
  'CLIP': [
    {'size': {'shortest_edge': 32}, 'crop_size': {'height': 32, 'width': 32}},
    {'size': SMALL, 'crop_size': {'height': 33, 'width': 47}, 'resample': 1},
    {'size': SMALL, 'crop_size': {'height': 27, 'width': 14}, 'resample': 2},
    {'size': 31, 'crop_size': 28},
    {'size': [31, 29], 'do_center_crop': False},
    {'do_resize': False, 'crop_size': 32},
    {'size': {'height': 20, 'width': 41}, 'do_center_crop': False},
    {'do_normalize': False},
    {},
  ],
  'Siglip': [
    {'size': {'height': 32, 'width': 32}},
    {'size': {'height': 29, 'width': 43}, 'resample': 2},
    {'size': 31},
    {'size': 31, 'do_center_crop': True, 'crop_size': 20},
    {},
  ],
  'ViT': [{'size': {'height': 32, 'width': 31}}, {'size': 31}, {}],
  'Bit': [
    {'size': {'shortest_edge': 37}, 'crop_size': {'height': 32, 'width': 32}},
    {'size': 37, 'crop_size': 40, 'image_mean': [0.485, 0.456, 0.406]},
    {},
  ],
  'DeiT': [
    {'size': {'height': 37, 'width': 36}, 'crop_size': 32},
    {'size': 37, 'crop_size': 38, 'resample': 3},
    {},
  ],
  'ConvNext': [
    {'size': {'shortest_edge': 32}, 'crop_pct': 0.875},
    {'size': {'shortest_edge': 33}, 'crop_pct': 0.95, 'resample': 2},
    {'size': 31},
    {'size': {'shortest_edge': 384}},
    {},
  ],
}
CASES = [(kind, i) for kind, files in FILES.items() for i in range(len(files))]


@pytest.fixture(scope='module')
def model(tmp_path_factory):
  return Folders(lambda: tmp_path_factory.mktemp('model'))


def _compare(folder, pictures):
  """Differences of each picture, all given at once and each alone."""
  theirs = transformers.AutoImageProcessor.from_pretrained(
    folder, backend='pil'
  )
  processor = pretrained.load(folder).preprocess
  flat = pictures.get('flat array')
  want = [
    # An array `[h w]` it does not take.
    theirs(Image.fromarray(x) if x is flat else x)['pixel_values'][0]
    for x in pictures.values()
  ]
  together = len({x.shape for x in want}) == 1
  if together:
    got = processor(image=list(pictures.values()))['image']
  else:
    got = [processor(image=[x])['image'][0] for x in pictures.values()]
  mean, std = processor.image.mean, processor.image.std
  for name, ours, expected in zip(pictures, got, want, strict=True):
    assert ours.dtype == np.uint8, name
    x = (ours / 255 - mean) / std
    expected = np.moveaxis(expected, 0, -1)
    assert x.shape == expected.shape, name
    assert np.abs(x - expected).max() <= 1e-3, name
  return processor.image


@pytest.mark.parametrize(('kind', 'which'), CASES)
def test_pixels_are_equal(kind, which, model):
  folder = model(kind)
  found = getattr(transformers, f'{kind}ImageProcessorPil')(
    do_convert_rgb=True, **FILES[kind][which]
  )
  found.save_pretrained(folder)
  _compare(folder, _pictures())


@pytest.mark.parametrize('new', [False, True])
@pytest.mark.parametrize(('kind', 'which'), CASES)
def test_pixels_of_a_short_file_are_equal(kind, which, new, model):
  """Written by hand or by transformers 4: only what is not the default."""
  folder = model(kind)
  named = 'image_processor_type' if new else 'feature_extractor_type'
  ending = 'ImageProcessorFast' if new else 'FeatureExtractor'
  file = {**FILES[kind][which], named: kind + ending, 'do_convert_rgb': True}
  (folder / 'preprocessor_config.json').write_text(json.dumps(file))
  few = ('rgb', 'rgba', 'very wide', 'small')
  _compare(folder, {name: _pictures()[name] for name in few})


def test_pixels_of_a_file_that_names_no_class_are_equal(model):
  for kind in ('CLIP', 'Siglip', 'ViT'):
    folder = model(kind)
    clean(folder)
    file = {'size': 31, 'crop_size': 31, 'do_convert_rgb': True}
    (folder / 'preprocessor_config.json').write_text(json.dumps(file))
    _compare(folder, {'rgb': _pictures()['rgb']})


def test_pixels_of_a_path_are_equal(model, tmp_path):
  folder = model('CLIP')
  transformers.CLIPImageProcessorPil(size=20, crop_size=20).save_pretrained(
    folder
  )
  picture = Image.fromarray(_noise(30, 40, 4))
  picture.save(tmp_path / 'x.png')
  preprocess = pretrained.load(folder).preprocess
  want = preprocess(image=[picture])['image']
  for path in (tmp_path / 'x.png', str(tmp_path / 'x.png')):
    np.testing.assert_array_equal(preprocess(image=path)['image'], want)


def test_pixels_of_a_common_file_are_equal(model):
  """transformers 5 may write `processor_config.json` alone."""
  folder = model('CLIP')
  file = transformers.CLIPImageProcessorPil(size=20, crop_size=20).to_dict()
  text = json.dumps({'image_processor': json.loads(json.dumps(file))})
  (folder / 'processor_config.json').write_text(text)
  assert _compare(folder, _pictures()).size == 20
