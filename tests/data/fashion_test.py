import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from mmjax.data import Dataset
from mmjax.data.datasets.fashion import CLASSES, Fashion
from mmjax.data.pipeline import train_batches
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.data.transforms import RandomFlip
from mmjax.types import InputError


def _idx(x):
  return struct.pack(f'>BBBB{x.ndim}I', 0, 0, 8, x.ndim, *x.shape) + x.tobytes()


def _write(root: Path, arrays, *, compress):
  for name, x in arrays.items():
    file = root / f'{name}-ubyte'
    if compress:
      Path(f'{file}.gz').write_bytes(gzip.compress(_idx(x)))
    else:
      file.write_bytes(_idx(x))


@pytest.fixture
def arrays(rng):
  sizes = {'train': 30, 't10k': 7}
  images = {
    f'{part}-images-idx3': rng.integers(0, 256, (n, 28, 28), np.uint8)
    for part, n in sizes.items()
  }
  labels = {
    f'{part}-labels-idx1': rng.integers(0, 10, n, np.uint8)
    for part, n in sizes.items()
  }
  return {**images, **labels}


@pytest.mark.parametrize('compress', [True, False])
def test_splits_hold_the_files_rows(tmp_path, arrays, compress):
  _write(tmp_path, arrays, compress=compress)
  data = Fashion(root=str(tmp_path))
  data.check()
  assert isinstance(data, Dataset)
  train = [i for i in range(30) if i % 10 != 9]
  for split, part, rows in (
    ('train', 'train', train),
    ('validation', 'train', [9, 19, 29]),
    ('test', 't10k', range(7)),
  ):
    new = [data.prepare(e, None) for e in data.source(split)]
    assert [e['label'] for e in new] == [
      arrays[f'{part}-labels-idx1'][i] for i in rows
    ]
    np.testing.assert_array_equal(
      np.stack([e['image'][..., 0] for e in new]),
      arrays[f'{part}-images-idx3'][list(rows)],
    )
  both = Fashion(root=str(tmp_path), train_on='train_and_validation')
  assert len(both.source('train')) == 30


def test_training_augments_and_evaluation_does_not(tmp_path, arrays, rng):
  _write(tmp_path, arrays, compress=True)
  data = Fashion(root=str(tmp_path), augment=(RandomFlip(rate=1.0),))
  raw = data.source('train')[3]
  trained, plain = data.prepare(raw, rng), data.prepare(raw, None)
  np.testing.assert_array_equal(trained['image'], plain['image'][:, ::-1])
  with train_batches(data, batch_size=4, seed=0) as batches:
    batch = next(batches)
  assert batch['image'].shape == (4, 28, 28, 1)
  assert batch['mask']['image'].tolist() == [True] * 4


def test_files_that_are_not_there_or_damaged_are_named(tmp_path, arrays):
  with pytest.raises(InputError, match='apt-get install dataset-fashion-mnist'):
    Fashion(root=str(tmp_path)).check()
  file = tmp_path / 't10k-images-idx3-ubyte'
  _write(tmp_path, arrays, compress=False)
  data = Fashion(root=str(tmp_path))
  whole = file.read_bytes()
  for i, (content, message) in enumerate(
    [
      (b'PNG...', 'is no IDX file of bytes'),
      (whole[:-1], r'holds 5487 bytes, not those of \[7, 28, 28\]'),
      (_idx(np.zeros((6, 28, 28), np.uint8)), r'images \[6, 28, 28\] and labe'),
    ]
  ):
    root = tmp_path / str(i)
    root.mkdir()
    _write(root, arrays, compress=False)
    (root / file.name).write_bytes(content)
    with pytest.raises(InputError, match=message):
      Fashion(root=str(root)).source('test')
  (tmp_path / '9').mkdir()
  _write(tmp_path / '9', arrays, compress=True)
  cut = tmp_path / '9' / f'{file.name}.gz'
  cut.write_bytes(cut.read_bytes()[:-20])
  with pytest.raises(InputError, match=r'cannot read .*idx3-ubyte\.gz'):
    Fashion(root=str(tmp_path / '9')).source('test')
  with pytest.raises(InputError, match="'tset', perhaps 'test'"):
    data.source('tset')


@pytest.mark.slow
def test_the_real_files():
  data = Fashion()
  if not Path(data.root).is_dir():
    pytest.skip('needs the Debian package dataset-fashion-mnist')
  sizes = {'train': 54_000, 'validation': 6_000, 'test': 10_000}
  for split, size in sizes.items():
    assert len(data.source(split)) == size
  labels = [int(e['label']) for e in data.source('test')]
  assert np.bincount(labels).tolist() == [1000] * 10
  # Mean and deviation that the field knows of the 60,000.
  both = Fashion(train_on='train_and_validation').source('train')
  pixels = np.stack([e['image'] for e in both])
  assert abs(pixels.mean() / 255 - 0.2860) < 1e-4
  assert abs(pixels.std() / 255 - 0.3530) < 1e-4


def test_a_class_has_its_name_as_text_where_that_is_wanted(tmp_path, arrays):
  _write(tmp_path, arrays, compress=True)
  data = Fashion(root=str(tmp_path), text_length=12)
  for example in data.source('test'):
    prepared = data.prepare(example, None)
    text = ByteTokenizer(length=12).decode(prepared['text'])
    assert text == CLASSES[prepared['label']]
    assert prepared['mask']['text'].sum() == len(text) + 2
  assert 'text' not in Fashion(root=str(tmp_path)).prepare(example, None)
  # None of the names is cut.
  assert max(map(len, CLASSES)) <= 12 - 2
  with pytest.raises(InputError, match='length 1 is too short'):
    Fashion(text_length=1)
