"""Drawings from anywhere: drawn alike, but no file is read, none waited for."""

import base64
import contextlib

import numpy as np
import pytest
from PIL import Image

from mmjax.data import images, svg
from mmjax.data.errors import RecordError
from mmjax.data.sources import Records
from mmjax.data.sources.inspection import inspect
from tests.apps.web import sent
from tests.data.sources import same_data

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10">'
RED = f'{HEAD}<rect width="20" height="10" fill="#f00"/></svg>'


def drawn(text, side=64):
  data = text if isinstance(text, bytes) else text.encode()
  return images.decode(data, size=side, svg='apart')


def data_uri(data, kind):
  return f'data:image/{kind};base64,{base64.b64encode(data).decode()}'


def shown(place):
  """A drawing that is filled with a picture from some place."""
  return f'{HEAD}<image width="20" height="10" href="{place}"/></svg>'


def test_it_is_drawn_as_anywhere_else():
  round_ = f'{HEAD}<circle cx="9" cy="5" r="4" fill="#08f8"/></svg>'
  for text in (RED, round_, '\ufeff' + RED):
    here = images.decode(text.encode(), size=64)
    np.testing.assert_array_equal(drawn(text), here)
  assert drawn(RED).shape == (32, 64, 3)
  assert (drawn(RED) == [255, 0, 0]).all()


def test_no_file_is_read_whatever_a_drawing_names(tmp_path):
  secret = tmp_path / 'secret.png'
  Image.new('RGB', (20, 10), (0, 0, 255)).save(secret)
  inner = data_uri(shown(secret).encode(), 'svg+xml')
  # Were it drawn here, the picture would be in it.
  assert (images.decode(shown(secret).encode())[2, 4] == [0, 0, 255]).all()
  for place in (secret, f'file://{secret}', inner):
    assert (drawn(shown(place)) == 255).all()
  # What it brings along is drawn.
  own = data_uri(secret.read_bytes(), 'png')
  assert (drawn(shown(own))[8, 8] == [0, 0, 255]).all()
  entity = f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{secret}">]>{HEAD}&x;</svg>'
  with contextlib.suppress(RecordError):
    assert (drawn(entity) == 255).all()


def bombs():
  yield 'pixels', shown(data_uri(sent.bomb(), 'png'))
  yield 'depth', f'{HEAD}{"<g>" * 10**5}{"</g>" * 10**5}</svg>'
  loop = ''.join(f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(9))
  yield (
    'entities',
    f'<!DOCTYPE svg [<!ENTITY a0 "aaaaaaaaaa">{loop}]>{HEAD}&a9;</svg>',
  )
  yield 'bytes', f'{RED}<!--{"x" * 2**24}-->'


def test_bombs_are_errors_and_what_follows_is_drawn():
  for name, text in bombs():
    with pytest.raises(RecordError, match='cannot read this picture: ') as told:
      drawn(text)
    assert '\n' not in str(told.value), name
    assert (drawn(RED) == [255, 0, 0]).all()
  # Huge drawings are drawn small.
  huge = RED.replace('"20"', '"2000000000"').replace('"10"', '"1000000000"')
  assert drawn(huge).shape == (32, 64, 3)


@pytest.mark.slow
def test_endless_drawings_end():
  far = 'x="-1000000" y="-1000000" width="20000000" height="20000000"'
  waves = '<feTurbulence numOctaves="1000000000" baseFrequency="1"/>'
  endless = (
    f'{HEAD}<filter id="f" {far}>{waves}</filter>'
    '<rect width="20" height="10" filter="url(#f)"/></svg>'
  )
  with pytest.raises(RecordError, match='takes too long, or too much memory'):
    drawn(endless)
  assert (drawn(RED) == [255, 0, 0]).all()


def test_a_process_that_has_ended_is_followed_by_another():
  drawn(RED)
  [worker] = svg._drawing.values()
  worker.kill()
  worker.wait()
  assert (drawn(RED) == [255, 0, 0]).all()


@pytest.mark.parametrize(
  'data', [b'<svg', b'<html/>', b'<svg\xff', b'<?xml version="1.0"?>', b'<']
)
def test_what_is_no_drawing(data):
  with pytest.raises(RecordError, match='cannot read this picture: .'):
    drawn(data)


def test_folders_and_tables_take_drawings(tmp_path):
  root = tmp_path / 'folder'
  for name in ('red/a.svg', 'red/b.svg', 'blue/c.png', 'red/b.png'):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    data = RED.encode()
    if name.endswith('png'):
      data = same_data.png((20, 10), (0, 0, 255))
    (root / name).write_bytes(data)
  records = Records(root=str(root), modalities=('image',), image_size=16)
  source = records.opened.source
  # What b.png was drawn from is no picture of its own.
  assert [source[i].name for i in range(len(source))] == [
    'blue/c', 'red/a', 'red/b',
  ]  # fmt: skip
  colors = [records.inputs(source[i])['image'][8, 8] for i in range(3)]
  assert [c.tolist() for c in colors] == [[0, 0, 255], [255, 0, 0], [0, 0, 255]]
  lengths = inspect(records).lengths
  assert lengths['image width'] == (20, 20, 20, 20)
  table = tmp_path / 'folder/all.csv'
  table.write_text('image\nred/a.svg\n')
  row = Records(root=str(table), modalities=('image',), image_size=16)
  image = row.inputs(row.opened.source[0])['image']
  assert image[8, 8].tolist() == [255, 0, 0]
