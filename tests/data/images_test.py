"""Picture decoding."""

import io

import numpy as np
import pytest
from PIL import Image

from mmjax.data import images
from mmjax.data.errors import RecordError
from mmjax.data.transforms import Resize

SVG = (
  '<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}">'
  '<rect width="100%" height="100%" fill="#0000ff" fill-opacity="0.5"/></svg>'
)


def _png(image: Image.Image, **options) -> bytes:
  file = io.BytesIO()
  image.save(file, 'PNG', **options)
  return file.getvalue()


def test_opacity_goes_over_white():
  rgba = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
  image = images.decode(_png(Image.fromarray(rgba)))
  assert image.tolist() == [[[255, 0, 0], [255, 255, 255], [204, 204, 204]]]


def test_a_palette_with_a_transparent_colour():
  image = Image.new('P', (2, 1))
  image.putpalette([10, 20, 30, 40, 50, 60])
  image.putpixel((1, 0), 1)
  data = _png(image, transparency=0)
  assert images.decode(data).tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_grey_with_opacity_and_sixteen_bits():
  grey = np.array([[[100, 255], [100, 0]]], np.uint8)
  image = images.decode(_png(Image.fromarray(grey, 'LA')))
  assert image[..., 0].tolist() == [[100, 255]]
  deep = np.array([[0, 25_700, 65_535]], np.uint16)
  image = images.decode(_png(Image.fromarray(deep)))
  assert image[0, :, 1].tolist() == [0, 100, 255]


def test_a_photo_stands_upright():
  exif = Image.Exif()
  exif[0x0112] = 6  # the camera was turned by 90 degrees
  file = io.BytesIO()
  photo = np.full((4, 8, 3), 128, np.uint8)
  Image.fromarray(photo).save(file, 'JPEG', exif=exif)
  assert images.decode(file.getvalue()).shape == (8, 4, 3)


def test_a_jpeg_of_the_size_that_is_wanted_is_decoded():
  file = io.BytesIO()
  Image.new('RGB', (8, 8), (250, 0, 0)).save(file, 'JPEG')
  for data in (file.getvalue(), file.getvalue()[:200]):
    try:
      image = images.decode(data, canvas=16, first=Resize(size=8).of_picture)
    except RecordError as error:
      reason = str(error)
    else:
      assert image[0, 0, 0] > 240
  assert 'cannot read this picture' in reason


@pytest.mark.parametrize('unit', ['', 'px', 'pt', 'mm'])
def test_svg_of_any_unit_is_drawn_to_fit(tmp_path, unit):
  file = tmp_path / 'a.svg'
  file.write_text(SVG.format(w=f'40{unit}', h=f'20{unit}'))
  image = images.decode(file, size=32)
  # resvg rounds lengths that are no whole pixels up.
  assert image.shape in ((16, 32, 3), (17, 32, 3))
  np.testing.assert_allclose(image[8, 16], [127.5, 127.5, 255], atol=1)
  np.testing.assert_array_equal(
    images.decode(file.read_bytes(), size=32), image
  )


def test_size_fits_long_and_small_pictures_alike():
  assert images.decode(_png(Image.new('RGB', (7, 200))), size=50).shape == (
    50, 2, 3,
  )  # fmt: skip
  assert images.decode(_png(Image.new('RGB', (5, 3))), size=50).shape == (
    30, 50, 3,
  )  # fmt: skip
  assert images.decode(_png(Image.new('RGB', (900, 1))), size=50).shape == (
    1, 50, 3,
  )  # fmt: skip


def test_pad_square_puts_the_picture_in_the_middle():
  square = images.pad_square(np.zeros((2, 4, 3), np.uint8), 6)
  dark = np.argwhere(square[..., 0] == 0)
  assert dark.min(0).tolist() == [2, 1]
  assert dark.max(0).tolist() == [3, 4]
  assert (square == 255).sum() == (36 - 8) * 3
  with pytest.raises(ValueError, match='4 x 2 does not fit into 3 x 3'):
    images.pad_square(np.zeros((2, 4, 3), np.uint8), 3)


def test_errors_name_the_file_and_what_is_wrong(tmp_path):
  random = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
  data = _png(Image.fromarray(random))
  for name, content in {
    'cut.png': data[:3000],
    'flipped.png': data[:2000] + b'\0' * 50 + data[2050:],
    'noise.png': b'no picture at all',
    'empty.png': b'',
    'cut.svg': SVG.format(w=4, h=4)[:90].encode(),
    'flat.svg': SVG.format(w=4, h=0).encode(),
  }.items():
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(RecordError, match=f'{name}: cannot read this') as e:
      images.decode(file, size=16)
    assert '0x' not in str(e.value)  # no memory address in a message
  with pytest.raises(RecordError, match=r'none\.png: .*no such file'):
    images.decode(tmp_path / 'none.png')
  with pytest.raises(RecordError, match=r'row 3 of x: cannot read'):
    images.decode(b'nothing', name='row 3 of x')
