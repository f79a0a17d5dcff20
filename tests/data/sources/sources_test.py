"""However the data is kept, its batches are the same."""

import fsspec
import jax
import numpy as np
import pytest

from mmjax.data import eval_batches, train_batches
from mmjax.data.dataset import Dataset
from mmjax.data.sources import Records
from mmjax.data.transforms import RandomFlip, RandomResizedCrop
from tests.data.sources import same_data

SLOW = ('metadata', 'parquet_paths')
NAMES = [
  pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
  for name in same_data.WRITERS
]
OPTIONS = {
  'image_size': 16,
  'text_length': 32,
  'audio_seconds': 0.05,
  'augment': (RandomResizedCrop(size=16), RandomFlip()),
}


def read(data):
  """The first batches of training, and all of the test."""
  with train_batches(data, batch_size=8, seed=3) as batches:
    train = [next(batches) for _ in range(4)]
  with eval_batches(data, 'test', batch_size=4) as batches:
    return train + list(batches)


@pytest.fixture(scope='module')
def found():
  return same_data.stamps()


@pytest.fixture(scope='module')
def want(found, tmp_path_factory):
  folder = tmp_path_factory.mktemp('want')
  root = same_data.write_folder(folder / 'want', found)
  return read(Records(root=str(root), cache=str(folder / 'cache'), **OPTIONS))


@pytest.mark.parametrize('name', NAMES)
def test_every_source_gives_the_same_batches(name, found, want, tmp_path):
  root = same_data.WRITERS[name](tmp_path / 'data', found)
  data = Records(root=str(root), cache=str(tmp_path / 'cache'), **OPTIONS)
  assert isinstance(data, Dataset)
  data.check()
  assert data.classes == {'label': same_data.CLASSES}
  got = read(data)
  assert len(got) == len(want)
  jax.tree.map(np.testing.assert_array_equal, got, want)
  # Nothing is kept that need not be.
  before = sorted((tmp_path / 'cache').rglob('*'))
  assert bool(before) == (name.startswith(('parquet', 'tars')))


def test_they_hold_what_was_written(found, want):
  test = [s for s in found if s.split == 'test']
  batch = jax.tree.map(lambda *x: np.concatenate(x), *want[4:])
  count = len(test)
  assert batch['weight'].sum() == count
  for name in ('image', 'audio', 'text'):
    mask = batch['mask'][name].reshape(len(batch['weight']), -1).any(axis=1)
    there = [getattr(s, name) is not None for s in test]
    assert mask[:count].tolist() == there
    assert not mask[count:].any()
  labels = [same_data.CLASSES.index(s.label) for s in test]
  assert batch['label'][:count].tolist() == labels
  # One colour stays one however it is resized.
  for i, stamp in enumerate(test):
    number = int(stamp.name.split('/')[1])
    color = [5 * number, 40, 200] if stamp.image else [0, 0, 0]
    assert (batch['image'][i] == color).all()
  row = next(i for i, s in enumerate(test) if s.text)
  ids = batch['text'][row]
  assert bytes(ids[ids >= 4].tolist()) != b''


def test_a_batch_follows_from_seed_and_step_for_any_number_of_processes(
  found, tmp_path
):
  root = same_data.write_csv(tmp_path / 'data', found)
  data = Records(root=str(root), **OPTIONS)
  with train_batches(data, batch_size=8, seed=1) as batches:
    want = [next(batches) for _ in range(6)][5]
  halves = []
  for index in range(2):
    with train_batches(
      data,
      batch_size=4,
      seed=1,
      start_step=5,
      process_index=index,
      process_count=2,
    ) as batches:
      halves.append(next(batches))
  got = jax.tree.map(lambda *x: np.concatenate(x), *halves)
  jax.tree.map(np.testing.assert_array_equal, got, want)


@pytest.mark.parametrize(
  'name',
  [
    'folder',
    'tars',
    pytest.param('csv', marks=pytest.mark.slow),
    pytest.param('parquet_paths', marks=pytest.mark.slow),
  ],
)
def test_object_storage_gives_the_same(name, found, want, tmp_path):
  root = same_data.WRITERS[name](tmp_path / 'data', found)
  bucket = f'memory://bucket-{name}'
  fsspec.filesystem('memory').put(
    str(tmp_path / 'data'), bucket, recursive=True
  )
  there = f'{bucket}/{root.relative_to(tmp_path / "data")}'.removesuffix('/.')
  data = Records(root=there, cache=str(tmp_path / 'cache'), **OPTIONS)
  data.check()
  with eval_batches(data, 'test', batch_size=4) as batches:
    jax.tree.map(np.testing.assert_array_equal, list(batches), want[4:])


@pytest.mark.slow
def test_workers_read_the_same(found, want, tmp_path):
  for name in ('parquet', 'tars', 'tfds'):
    root = same_data.WRITERS[name](tmp_path / name, found)
    data = Records(root=str(root), cache=str(tmp_path / 'cache'), **OPTIONS)
    with train_batches(data, batch_size=8, seed=3, workers=2) as batches:
      for batch in want[:4]:
        jax.tree.map(np.testing.assert_array_equal, next(batches), batch)
