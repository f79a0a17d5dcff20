"""Pictures: files or bytes to uint8 RGB on white."""

import io
import os
from typing import Literal

import numpy as np
import resvg_py
from jaxtyping import UInt8
from PIL import Image, ImageOps

from mmjax.data.errors import RecordError

_DPI = 96  # CSS: resvg_py's own default of 0 makes `width="400pt"` zero
# Others, such as EPS, are programs, which Pillow would have run.
_FORMATS = ('PNG', 'JPEG', 'WEBP', 'GIF', 'BMP', 'TIFF', 'PPM')


def decode(
  source: str | os.PathLike[str] | bytes,
  *,
  size: int | None = None,
  name: str | os.PathLike[str] | None = None,
  svg: Literal['draw', 'refuse'] = 'draw',
  max_pixels: int | None = None,
  canvas: int | None = None,
) -> UInt8[np.ndarray, 'h w 3']:
  """Decodes a picture (PNG, JPEG ..., or SVG), opacity over white.

  Args:
    source: a file, or what stands in it.
    size: side of the square that the picture is scaled, up or down, to fit
      into with its aspect ratio; None keeps its own size.
    name: what to call `source` in errors when it is bytes.
    svg: what to do with SVG, which may name other files, that are drawn too.
    max_pixels: how many a picture may have, before it is decoded.
    canvas: a picture is made smaller until its shorter side is this long;
      JPEG is decoded so, which is fast.

  Raises:
    RecordError: the file is missing, is no picture, is cut off, corrupt or too
      large.
  """
  file = name if isinstance(source, bytes) else source
  try:
    data = source if isinstance(source, bytes) else _read(source)
    if _is_svg(data):
      if svg == 'refuse':
        raise ValueError('SVG may name other files: make it PNG')
      data = _render(source, size)
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
      w, h = image.size
      if max_pixels is not None and w * h > max_pixels:
        raise ValueError(f'{w} x {h} is more than {max_pixels} pixels')
      if canvas is not None:
        image.draft('RGB', (2 * canvas, 2 * canvas))
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
  if canvas is not None and min(rgb.size) > canvas:
    scale = canvas / min(rgb.size)
    w, h = (round(side * scale) for side in rgb.size)
    rgb = rgb.resize((w, h), Image.Resampling.BICUBIC, reducing_gap=2.0)
  return np.array(rgb)


def size(data: bytes) -> tuple[int, int]:
  """Width and height that a picture says it has; nothing is decoded.

  Raises:
    RecordError: it is no picture.
  """
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
  image = ImageOps.exif_transpose(image)
  if image.mode.startswith('I;16'):
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
  return image


def _over_white(image: Image.Image) -> Image.Image:
  if not image.has_transparency_data:
    return image.convert('RGB')
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
