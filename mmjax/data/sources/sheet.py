"""A contact sheet: some records of a source as one picture."""

import io
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from mmjax.data import audio
from mmjax.data.mel import decibels, mel_spectrogram
from mmjax.data.sources import arrays
from mmjax.data.sources.opened import cell_of
from mmjax.data.sources.record import Record
from mmjax.data.sources.records import Records

_SIDE = 120  # of a picture, in pixels
_LINES = 4
_LINE = 12
_CELL = _SIDE + 8, _SIDE + 8 + _LINES * _LINE


def contact_sheet(
  shown: Sequence[Record], data: Records, *, columns: int = 6
) -> bytes:
  """A PNG of records in rows: picture (of a video one), spectrogram, class
  and text.

  Args:
    shown: records that can be read.
    data: what they are of.
    columns: records in a row.
  """
  w, h = _CELL
  rows = max(1, -(-len(shown) // columns))
  sheet = Image.new('RGB', (w * columns, h * rows), 'white')
  for place, record in enumerate(shown):
    y, x = divmod(place, columns)
    sheet.paste(_cell(record, data), (x * w, y * h))
  file = io.BytesIO()
  sheet.save(file, 'PNG')
  return file.getvalue()


def _cell(record: Record, data: Records) -> Image.Image:
  cell = Image.new('RGB', _CELL, 'white')
  draw = ImageDraw.Draw(cell)
  image = cell_of(record, 'image', data.columns)
  sound = cell_of(record, 'audio', data.columns)
  film = cell_of(record, 'video', data.columns)
  if image is not None or film is not None:
    if image is None:
      (first,) = arrays.moving(
        film, count=1, seconds=data.video_seconds, canvas=_SIDE
      )
      picture = Image.fromarray(first)
    else:
      picture = arrays.picture(image, canvas=_SIDE)
    picture.thumbnail((_SIDE, _SIDE))
    cell.paste(picture, (4, 4))
  if sound is not None:
    # Below the picture, if there is one.
    strip = _spectrogram(
      sound, data, height=_SIDE // (3 if image or film else 1)
    )
    cell.paste(strip, (4, 4 + _SIDE - strip.height))
  label = record.cells.get(data.columns.label)
  text = cell_of(record, 'text', data.columns)
  words = '' if text is None else arrays.text(text)
  lines = [] if label is None else [f'[{label}]']
  lines += textwrap.wrap(words, width=_SIDE // 6)
  for number, line in enumerate(lines[:_LINES]):
    # The font that is always there has no other letters.
    line = line.encode('latin-1', 'replace').decode('latin-1')[: _SIDE // 6]
    draw.text((4, _SIDE + 6 + number * _LINE), line, fill='black')
  return cell


def _spectrogram(cell: Any, data: Records, *, height: int) -> Image.Image:
  x = arrays.sound(cell, seconds=data.audio_seconds)
  x, _ = audio.to_length(x, data.audio_length)
  return Image.fromarray(_grey(x)).resize((_SIDE, height))


def _grey(x: np.ndarray) -> UInt8[np.ndarray, 'mels f']:
  found = decibels(mel_spectrogram(x))[::-1]
  low, high = found.min(), max(found.max(), found.min() + 1e-6)
  return (255 - 255 * (found - low) / (high - low)).astype(np.uint8)
