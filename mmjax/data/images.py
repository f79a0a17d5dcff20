"""Pictures: files or bytes to uint8 RGB on white."""

import io
import os
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import resvg_py
from jaxtyping import UInt8
from PIL import Image, ImageOps

from mmjax.data import svg as drawings
from mmjax.data.errors import RecordError

_ORIENTATION = 0x0112  # of EXIF
_SIDE = 256  # of half a drawing that nobody asks a size of
_DPI = 96  # CSS: resvg_py's own default of 0 makes `width="400pt"` zero
# Others, such as EPS, are programs, which Pillow would have run.
_FORMATS = ('PNG', 'JPEG', 'WEBP', 'GIF', 'BMP', 'TIFF', 'PPM')


def decode(
  source: str | os.PathLike[str] | bytes, **options: Any
) -> UInt8[np.ndarray, 'h w 3']:
  """What `decode_pil` decodes, as an array to read.

  Raises:
    RecordError: the file is missing, is no picture, is cut off, corrupt or too
      large.
  """
  return np.asarray(decode_pil(source, **options))


def decode_pil(
  source: str | os.PathLike[str] | bytes,
  *,
  size: int | None = None,
  name: str | os.PathLike[str] | None = None,
  svg: Literal['here', 'apart'] = 'here',
  max_pixels: int | None = None,
  canvas: int | None = None,
  first: Callable[[Image.Image], Image.Image] | None = None,
) -> Image.Image:
  """Decodes a picture (PNG, JPEG ..., or SVG), opacity over white.

  Args:
    source: a file, or what stands in it.
    size: side of the square that the picture is scaled, up or down, to fit
      into with its aspect ratio; None keeps its own size.
    name: what to call `source` in errors when it is bytes.
    svg: where SVG is drawn: here, with the files and fonts that it names, or
      apart, without any, and with little time and memory: see `svg.draw`.
    max_pixels: how many a picture may have, before it is decoded.
    canvas: a picture is made smaller, by a whole number, which is fast, as long
      as its shorter side stays at least so long.
    first: what is done to the picture at once; JPEG is given to it before it is
      decoded, so that `Image.draft` can decode no more than is needed.

  Raises:
    RecordError: the file is missing, is no picture, is cut off, corrupt or too
      large.
  """
  file = name if isinstance(source, bytes) else source
  try:
    data = source if isinstance(source, bytes) else _read(source)
    if _is_svg(data):
      if svg == 'apart':
        data = drawings.draw(data, side=size or 2 * (canvas or _SIDE))
      else:
        data = _render(source, size)
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
      w, h = image.size
      if max_pixels is not None and w * h > max_pixels:
        raise ValueError(f'{w} x {h} is more than {max_pixels} pixels')
      if first is not None and _is_plain(image):
        made = first(image)
        made.load()  # may be the picture itself, whose file is closed soon
        return made
      if canvas is not None:
        image.draft('RGB', (canvas, canvas))
      image.load()
      rgb = _over_white(_upright(image))
  except RecordError:
    raise
  except Exception as error:
    # PIL's decoders raise almost anything on corrupt input: OSError,
    # SyntaxError, struct.error, zlib.error, ValueError, DecompressionBombError.
    reason = f'cannot read this picture: {_reason(error)}'
    raise RecordError(reason, file=file) from error
  if size is not None:
    rgb = fit(rgb, size)
  if canvas is not None and min(rgb.size) >= 2 * canvas:
    rgb = rgb.reduce(min(rgb.size) // canvas)
  return rgb if first is None else first(rgb)


def cut_out(
  file: str | os.PathLike[str], *, size: int
) -> UInt8[np.ndarray, 'h w 4']:
  """What a picture shows, without the empty margin, and how opaque it is.

  Args:
    file: a PNG or SVG of yours; without opacity all of it is shown.
    size: the longer side of the result.

  Raises:
    RecordError: the file is missing, is no picture, is cut off or corrupt, or
      shows nothing.
  """
  try:
    data = _read(file)
    if _is_svg(data):
      data = _render(file, 2 * size)
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
      rgba = _upright(image).convert('RGBA')
    shown = np.asarray(rgba)[..., 3] > 127
    box = Image.fromarray(shown.astype(np.uint8)).getbbox()
    if box is None:
      raise ValueError('all of it is transparent')
    return np.asarray(fit(rgba.crop(box), size))
  except Exception as error:
    reason = f'cannot read this picture: {_reason(error)}'
    raise RecordError(reason, file=file) from error


def size(data: bytes) -> tuple[int, int] | None:
  """Width and height that a picture says it has; nothing is decoded.

  None of SVG, which is drawn in any size.

  Raises:
    RecordError: it is no picture.
  """
  if _is_svg(data):
    return None
  try:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
      return image.size
  except Exception as error:
    reason = f'cannot read this picture: {_reason(error)}'
    raise RecordError(reason) from error


def pad_square(
  image: UInt8[np.ndarray, 'h w 3'], size: int
) -> UInt8[np.ndarray, '{size} {size} 3']:
  """The picture in the middle of a white square.

  Raises:
    ValueError: the picture is larger than `size`.
  """
  h, w = image.shape[:2]
  if max(h, w) > size:
    raise ValueError(
      f'a picture of {w} x {h} does not fit into {size} x {size}'
    )
  canvas = np.full((size, size, 3), 255, np.uint8)
  top, left = (size - h) // 2, (size - w) // 2
  canvas[top : top + h, left : left + w] = image
  return canvas


def _read(file: str | os.PathLike[str]) -> bytes:
  with open(file, 'rb') as f:
    return f.read()


def _is_plain(image: Image.Image) -> bool:
  """Whether nothing is to be done to a JPEG but to decode it."""
  turned = _ORIENTATION in image.getexif()
  return image.format == 'JPEG' and image.mode == 'RGB' and not turned


def _is_svg(data: bytes) -> bool:
  head = data[:64].removeprefix(b'\xef\xbb\xbf').lstrip()
  return head.startswith(b'<')


def _render(source: str | os.PathLike[str] | bytes, size: int | None) -> bytes:
  """PNG of an SVG; a size means `contain`: the aspect ratio stays."""
  try:
    if isinstance(source, bytes):
      text = source.decode('utf-8-sig')
      return resvg_py.svg_to_bytes(
        svg_string=text, dpi=_DPI, width=size, height=size
      )
    path = os.fspath(source)
    return resvg_py.svg_to_bytes(
      svg_path=path, dpi=_DPI, width=size, height=size
    )
  except BaseException as error:
    # A panic of the Rust code is no `Exception`.
    if type(error).__name__ == 'PanicException':
      raise ValueError(str(error)) from error
    raise


def _upright(image: Image.Image) -> Image.Image:
  """As the camera was held, 8 bits a channel."""
  ImageOps.exif_transpose(image, in_place=True)
  if image.mode.startswith('I;16'):
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
  return image


def _over_white(image: Image.Image) -> Image.Image:
  if not image.has_transparency_data:
    return image if image.mode == 'RGB' else image.convert('RGB')
  white = Image.new('RGBA', image.size, 'white')
  white.alpha_composite(image.convert('RGBA'))
  return white.convert('RGB')


def fit(image: Image.Image, size: int) -> Image.Image:
  """A picture, scaled until its longer side is `size`."""
  scale = size / max(image.size)
  w, h = (max(1, round(side * scale)) for side in image.size)
  if (w, h) == image.size:
    return image
  return image.resize((w, h), Image.Resampling.BICUBIC)


def _reason(error: Exception) -> str:
  if isinstance(error, FileNotFoundError):
    return 'no such file'
  text = str(error)
  if 'cannot identify image file' in text:  # its name is a memory address
    return 'not in a format of Pillow or SVG'
  return text or type(error).__name__
