"""What a search shows is read from the source of the index alone."""

import types

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmjax.apps.search import Hit
from mmjax.apps.web.found import Found


@pytest.fixture
def folder(tmp_path):
  folder = tmp_path / 'things'
  (folder / 'red').mkdir(parents=True)
  Image.new('RGB', (600, 300), (255, 0, 0)).save(folder / 'red/a.png')
  soundfile.write(folder / 'red/b.wav', np.zeros(800), 16_000)
  (tmp_path / 'secret.png').write_bytes((folder / 'red/a.png').read_bytes())
  return folder


@pytest.fixture
def found(folder):
  meta = {
    'source': str(folder),
    'files': '',
    'columns': {},
    'modalities': ['image', 'audio'],
  }
  return Found(types.SimpleNamespace(meta=meta))


def test_cards_hold_what_was_found(found, folder):
  card = found.card(Hit(f'{folder}/red/a.png', 'image', 0.5, {}))
  assert card.title == 'red/a.png'
  assert card.body.startswith('<img alt="" src="data:image/png;base64,')
  card = found.card(Hit(f'{folder}/red/b.wav', 'audio', 0.4, {}))
  assert 'src="data:audio/flac;base64,' in card.body


@pytest.mark.parametrize(
  ('path', 'modality'),
  [
    ('{folder}/red/gone.png', 'image'),
    ('{folder}/red/a.png', 'audio'),
    ('{folder}/../secret.png', 'image'),
    ('{folder}/red/../../secret.png', 'image'),
    ('/etc/passwd', 'text'),
    ('', 'image'),
  ],
)
def test_an_index_cannot_name_what_the_source_has_not(
  found, folder, path, modality
):
  card = found.card(Hit(path.format(folder=folder), modality, 1.0, {}))
  assert card.body == '<p class="mm-quiet">It is not there any more.</p>'


def test_what_has_changed_since(found, folder):
  hit = Hit(f'{folder}/red/a.png', 'image', 0.5, {})
  assert '<img' in found.card(hit).body
  (folder / 'red/a.png').write_bytes(b'rubbish')
  assert 'not there any more' in found.card(hit).body
  (folder / 'red/a.png').unlink()
  (folder / 'red/a.png').symlink_to(folder.parent / 'secret.png')
  assert 'not there any more' in found.card(hit).body


def test_a_table_is_read_by_the_columns_that_were_indexed(folder):
  (folder / 'list.csv').write_text('photo\nred/a.png\n')
  table = f'{folder}/list.csv'
  meta = {
    'source': table,
    'files': '',
    'columns': {'image': 'photo'},
    'modalities': ['image'],
  }
  found = Found(types.SimpleNamespace(meta=meta))
  assert '<img' in found.card(Hit(f'{folder}/red/a.png', 'image', 1.0, {})).body
