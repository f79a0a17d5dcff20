import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmjax.data import ByteTokenizer, Dataset
from mmjax.data.datasets.emoji import CATEGORIES, Emoji
from mmjax.data.errors import RecordError
from mmjax.data.pipeline import eval_batches
from mmjax.types import InputError


def _entry(i, **fields):
  return {
    'name': f'THING {i}',
    'unified': f'1F{i:03X}',
    'image': f'1f{i:03x}.png',
    'short_name': f'short_{i}',
    'category': CATEGORIES[i % 10],
    'has_img_twitter': True,
    **fields,
  }


@pytest.fixture
def root(tmp_path):
  """Thirty emoji; 3 has no official name, 4 no picture of this vendor's."""
  entries = [_entry(i) for i in range(30)]
  entries[3]['name'] = None
  entries[4]['has_img_twitter'] = False
  pictures = tmp_path / 'img' / 'twitter' / '64'
  pictures.mkdir(parents=True)
  for i, entry in enumerate(entries):
    image = Image.new('RGBA', (64, 64), (i, 10, 20, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    image.save(pictures / entry['image'])
  (tmp_path / 'emoji.json').write_text(json.dumps(entries))
  return tmp_path


def _all(data):
  return {
    e['code']: (split, e)
    for split in ('train', 'validation', 'test')
    for e in data.source(split)
  }


def test_the_split_is_by_md5_of_the_code_points(root):
  found = _all(Emoji(root=str(root)))
  assert len(found) == 29
  assert '1F004' not in found
  for code, (split, _) in found.items():
    fifth = int(hashlib.md5(code.encode()).hexdigest(), 16) % 5 == 0
    assert (split == 'test') == fifth
  both = Emoji(root=str(root), train_on='train_and_validation')
  assert len(both.source('train')) == sum(
    s != 'test' for s, _ in found.values()
  )


def test_an_emoji_is_its_picture_on_white_and_its_name(root):
  data = Emoji(root=str(root), image_size=64)
  assert isinstance(data, Dataset)
  found = _all(data)
  for i, name in ((3, 'short 3'), (17, 'thing 17')):
    new = data.prepare(found[f'1F{i:03X}'][1], None)
    assert ByteTokenizer().decode(new['text']) == name
    assert new['image'][5, 5].tolist() == [i, 10, 20]
    assert new['image'][0, 0].tolist() == [255] * 3
    assert data.classes['label'][new['label']] == CATEGORIES[i % 10]
    assert new['mask']['text'].sum() == len(name) + 2
  small = Emoji(root=str(root), image_size=16)
  assert small.prepare(found['1F003'][1], None)['image'].shape == (16, 16, 3)


def test_augmentation_is_for_training_only(root, rng):
  data = Emoji(
    root=str(root), augment=(lambda image, rng: image * np.uint8(0),)
  )
  raw = data.source('train')[0]
  assert not data.prepare(raw, rng)['image'].any()
  assert data.prepare(raw, None)['image'].any()


def test_a_picture_that_cannot_be_read_is_named_or_skipped(root):
  test = [c for c, (split, _) in _all(Emoji(root=str(root))).items()
          if split == 'test']  # fmt: skip
  file = root / 'img' / 'twitter' / '64' / f'{test[0].lower()}.png'
  file.write_bytes(file.read_bytes()[:50])
  data = Emoji(root=str(root))
  with pytest.raises(RecordError, match=f'{file.name}: cannot read'):
    list(eval_batches(data, 'test', batch_size=4))
  skip = Emoji(root=str(root), on_error='skip')
  batches = list(eval_batches(skip, 'test', batch_size=4))
  assert sum(b['weight'].sum() for b in batches) == len(test) - 1
  Image.new('RGB', (64, 32)).save(file)
  file.rename(root / 'img' / 'twitter' / '64' / 'other.png')
  with pytest.raises(RecordError, match='64 x 32 is no square'):
    data.prepare({'file': str(file.with_name('other.png'))}, None)


def test_a_folder_without_emoji_says_what_to_run(tmp_path):
  with pytest.raises(InputError) as error:
    Emoji(root=str(tmp_path)).check()
  assert 'npm install --prefix' in str(error.value)
  assert 'emoji-datasource-twitter' in str(error.value)
  assert '--data.root' in str(error.value)
  assert '\n' not in str(error.value)
  for i, (text, message) in enumerate(
    [
      ('[{"unified": "1"}]', 'is no list of emoji: KeyError'),
      ('no', 'is no list of emoji: JSONDecodeError'),
      (json.dumps([_entry(1, category='Flag')]), "'Flag', perhaps 'Flags'"),
    ]
  ):
    root = tmp_path / str(i)
    root.mkdir()
    (root / 'emoji.json').write_text(text)
    with pytest.raises(InputError, match=message):
      Emoji(root=str(root)).source('test')
  with pytest.raises(InputError, match='image_size 0 is not at least 1'):
    Emoji(image_size=0)
  with pytest.raises(InputError, match='length 2 is too short'):
    Emoji(text_length=2)


@pytest.mark.slow
def test_the_real_package():
  data = Emoji()
  if not Path(data.root).expanduser().is_dir():
    pytest.skip('needs the npm package emoji-datasource-twitter')
  found = _all(data)
  assert len(found) == 1911
  assert Counter(split for split, _ in found.values()).keys() == {
    'train',
    'validation',
    'test',
  }
  seen = Counter(example['category'] for _, example in found.values())
  assert seen.keys() == set(CATEGORIES)
  for _, example in found.values():
    new = data.prepare(example, None)
    assert new['image'].shape == (64, 64, 3)
    assert new['image'].std() > 1
    assert ByteTokenizer().decode(new['text'])
