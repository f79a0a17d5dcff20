"""Others' files become what a data set makes of its own: `as_records`."""

import json

import numpy as np
import pytest
from PIL import Image

from mmjax.apps.cells import record_of
from mmjax.data.datasets.digits import WORDS, Digits
from mmjax.data.datasets.emoji import CATEGORIES, Emoji
from mmjax.data.datasets.stamps import Stamps
from mmjax.data.sources import Records
from tests.data.sources import same_data
from tests.data.stamps_folder import make_folder


def same(own, files, *, atol=0.0):
  """Each modality of the files, and its mask, is as the data set's own."""
  for name, mask in files['mask'].items():
    np.testing.assert_array_equal(mask, own['mask'][name], err_msg=name)
    np.testing.assert_allclose(files[name], own[name], atol=atol, err_msg=name)
    assert files[name].dtype == own[name].dtype


def test_stamps(tmp_path):
  root = make_folder(tmp_path / 'stamps')
  cache = str(tmp_path / 'cache')
  data = Stamps(root=str(root), cache=cache, image_size=32, audio_seconds=0.2)
  records, seen = data.as_records(), set()
  for row in data.source('train'):
    stem = root / row['stamp'].name.removesuffix('.txt')
    given = {'text': row['stamp'].texts['en']}
    for suffix in ('.png', '.svg'):
      if stem.with_suffix(suffix).exists():
        given['image'] = str(stem.with_suffix(suffix))
        seen.add(suffix)
    if row['audio']:
      language = '' if row['audio'] == 'en' else f'_{row["audio"]}'
      given['audio'] = f'{stem}_desc{language}.ogg'
      seen.add('audio')
    own, found = data.prepare(row, None), records.inputs(record_of(given))
    if given.get('image', '').endswith('.svg'):
      # It was drawn in another size, and edges are between pixels.
      far = np.abs(own['image'].astype(int) - found['image']).max()
      assert far < 8
      found['image'] = own['image']
    same(own, found, atol=2**-14)  # what is kept is of 16 bits
  assert seen == {'.png', '.svg', 'audio'}


def test_digits():
  clean = Digits(image_noise=0.0, typos=0.0)
  records = clean.as_records()
  for row in clean.source('test')[:20]:
    grey = 255 - np.rint(row['image'][..., 0] * (255 / 16))
    picture = Image.fromarray(grey.astype(np.uint8))
    made = same_data.png_of(picture)
    given = {'image': made, 'text': WORDS[row['label']]}
    found = records.inputs(record_of(given))
    assert not found['mask']['audio'].any()
    for part in (found, found['mask']):
      del part['audio']
    same(clean.prepare(row, None), found, atol=1)


def test_emoji(tmp_path):
  pictures = tmp_path / 'img/twitter/64'
  pictures.mkdir(parents=True)
  entries = []
  for number in range(20):
    image = Image.new('RGBA', (64, 64), (0, 0, 0, 0))
    image.paste((10 * number, 90, 30, 255), (8, 8, 40 + number, 56))
    image.save(pictures / f'{number}.png')
    entries.append(
      {
        'name': f'THING {number}', 'short_name': 'x', 'unified': f'{number}',
        'image': f'{number}.png', 'category': CATEGORIES[number % 10],
        'has_img_twitter': True,
      }
    )  # fmt: skip
  (tmp_path / 'emoji.json').write_text(json.dumps(entries))
  data = Emoji(root=str(tmp_path))
  records = data.as_records()
  for row in data.source('train'):
    given = {'image': row['file'], 'text': row['name']}
    same(data.prepare(row, None), records.inputs(record_of(given)))


@pytest.mark.parametrize('kind', ['tars', 'jsonl'])
def test_your_own(kind, tmp_path):
  """Shards are like files: what a run was trained on, and what it is given."""
  found = same_data.stamps(12)
  root = same_data.WRITERS[kind](tmp_path / 'data', found)
  cache = str(tmp_path / 'cache')
  data = Records(root=str(root), cache=cache, image_size=16, audio_seconds=0.1)
  data = data.resolved()
  records, stamps = data.as_records(), {s.name: s for s in found}
  count = 0
  for split in same_data.SPLITS:
    for row in data.source(split):
      stamp = stamps[row['record'].name]
      cells = {'image': stamp.image, 'audio': stamp.audio, 'text': stamp.text}
      given = {name: x for name, x in cells.items() if x is not None}
      same(data.prepare(row, None), records.inputs(record_of(given)))
      count += 1
  assert count == len(found)
