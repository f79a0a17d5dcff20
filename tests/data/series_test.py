import importlib.util
from collections import Counter

import numpy as np
import pytest

from mmjax.data import Dataset
from mmjax.data.datasets.motions import Motions
from mmjax.data.datasets.series import SeriesDataset
from mmjax.data.datasets.vowels import Vowels
from mmjax.data.errors import RecordError
from mmjax.data.pipeline import eval_batches, train_batches
from mmjax.types import InputError

HEAD = """# A toy.
@problemName Toy
@timeStamps false
@missing true
@univariate false
@dimensions 2
@equalLength false
@classLabel true up down
@data
"""


def _line(x, label):
  channels = [','.join('?' if np.isnan(v) else f'{v}' for v in c) for c in x.T]
  return ':'.join([*channels, label])


def _write(root, part, lines):
  (root / 'Toy').mkdir(parents=True, exist_ok=True)
  text = HEAD + '\n'.join(lines) + '\n'
  (root / 'Toy' / f'Toy_{part}.ts').write_text(text)


@pytest.fixture
def train(rng):
  """Twelve series of class up, then eight of class down, 2 to 4 frames."""
  sizes = rng.integers(2, 5, 20)
  return [rng.normal(3, 2, (n, 2)).astype(np.float32) for n in sizes]


@pytest.fixture
def toy(tmp_path, train):
  train[1][1] = np.nan  # a frame
  train[2][0, 1] = np.nan  # a value
  labels = ['up'] * 12 + ['down'] * 8
  _write(tmp_path, 'TRAIN', map(_line, train, labels))
  _write(tmp_path, 'TEST', ['1,2,3,4,5:6,7,8,9,10:down', '0:0:up'])
  return SeriesDataset(
    problem='Toy', labels=('up', 'down'), length=4, root=str(tmp_path)
  )


def _rows(data, split):
  return [e['series'].row for e in data.source(split)]


def test_validation_is_every_fifth_of_each_class(toy):
  assert _rows(toy, 'validation') == [4, 9, 16]
  rest = [i for i in range(20) if i not in (4, 9, 16)]
  assert _rows(toy, 'train') == rest
  assert _rows(toy, 'test') == [0, 1]
  both = SeriesDataset(
    problem='Toy',
    labels=toy.labels,
    length=4,
    root=toy.root,
    train_on='train_and_validation',
  )
  assert _rows(both, 'train') == list(range(20))
  assert _rows(both, 'validation') == [4, 9, 16]


def test_channels_are_standardised_by_the_training_part(toy, train):
  x = np.concatenate(train)
  mean, deviation = np.nanmean(x, 0), np.nanstd(x, 0)
  source = toy.source('train')
  for row in (0, 3, 10):
    new = toy.prepare(source[row], None)
    series = train[source[row]['series'].row]
    size = len(series)
    np.testing.assert_allclose(
      new['sensor'][:size], (series - mean) / deviation, rtol=1e-4, atol=1e-5
    )
    assert new['mask']['sensor'].tolist() == [i < size for i in range(4)]
    assert not new['sensor'][size:].any()
  labels = [int(toy.prepare(e, None)['label']) for e in source]
  assert labels == [0] * 10 + [1] * 7
  # The test split is measured with the same rule, and cut where it is long.
  new = toy.prepare(toy.source('test')[0], None)
  expected = (np.array([[1, 6], [2, 7], [3, 8], [4, 9]]) - mean) / deviation
  np.testing.assert_allclose(new['sensor'], expected, rtol=1e-4)
  assert new['sensor'].dtype == np.float32


def test_what_was_not_measured_is_the_mean_or_masked(toy):
  frame, value = (toy.prepare(toy.source('train')[i], None) for i in (1, 2))
  assert not frame['mask']['sensor'][1]
  assert not frame['sensor'][1].any()
  assert frame['mask']['sensor'][0]
  assert value['mask']['sensor'][0]
  assert value['sensor'][0, 0] != 0
  assert value['sensor'][0, 1] == 0


def test_batches_have_a_mask_for_each_frame(toy):
  assert isinstance(toy, Dataset)
  with train_batches(toy, batch_size=3, seed=0) as batches:
    batch = next(batches)
  assert batch['sensor'].shape == (3, 4, 2)
  assert batch['mask']['sensor'].shape == (3, 4)
  (batch,) = eval_batches(toy, 'validation', batch_size=4)
  assert batch['weight'].tolist() == [1, 1, 1, 0]
  assert not batch['mask']['sensor'][3].any()


@pytest.mark.parametrize(
  ('line', 'reason'),
  [
    ('1,2:3:up', r'2 channels of lengths \[1, 2\]'),
    ('1,x:3,4:up', "could not convert string to float: 'x'"),
    ('1,2:3,4:', '2 channels of lengths'),
    ('1,2:3,4:left', "class 'left' of Toy is none of up, down"),
    ('1,2:up', '1 channels in Toy, where others have 2'),
  ],
)
def test_a_bad_line_is_named_or_skipped(tmp_path, toy, line, reason):
  _write(tmp_path, 'TEST', ['1:2:up', line])
  fields = {'problem': 'Toy', 'labels': toy.labels, 'length': 4}
  # The file of another folder: what was read is kept in memory.
  other = tmp_path / 'other'
  _write(other, 'TRAIN', ['1,5:2,7:up', '3,3:4,1:down'])
  _write(other, 'TEST', ['1:2:up', line])
  data = SeriesDataset(root=str(other), **fields)
  with pytest.raises(RecordError, match=rf'row 1: .*{reason}'):
    data.prepare(data.source('test')[1], None)
  skip = SeriesDataset(root=str(other), on_error='skip', **fields)
  (batch,) = eval_batches(skip, 'test', batch_size=2)
  assert batch['weight'].tolist() == [1, 0]


def test_without_aeon_the_error_says_how_to_get_it(monkeypatch):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(InputError) as error:
    Motions().check()
  message = str(error.value)
  assert '\n' not in message
  assert 'no package aeon' in message
  assert 'pip install --no-deps aeon' in message
  assert '--data.root' in message


def test_files_that_do_not_fit_are_named(tmp_path, toy):
  with pytest.raises(InputError, match='no file .*Toy_TRAIN.ts: install'):
    SeriesDataset(
      problem='Toy', labels=('a',), length=1, root=str(tmp_path / 'none')
    ).check()
  for i, (old, message) in enumerate(
    [
      ('@classLabel true up down\n', 'no line `@classLabel true`'),
      ('@data\n', 'no line `@data`'),
    ]
  ):
    root = tmp_path / str(i)
    (root / 'Toy').mkdir(parents=True)
    for part in ('TRAIN', 'TEST'):
      text = HEAD.replace(old, '') + '1,2:3,4:up\n'
      (root / 'Toy' / f'Toy_{part}.ts').write_text(text)
    data = SeriesDataset(
      problem='Toy', labels=('up',), length=1, root=str(root)
    )
    with pytest.raises(InputError, match=message):
      data.source('test')


def test_fields_that_do_not_fit_are_named(toy):
  with pytest.raises(InputError, match='length 0 is not at least 1'):
    Motions(length=0)
  with pytest.raises(InputError, match='2 names do not fit 4 labels'):
    Motions(names=('a', 'b'))
  with pytest.raises(InputError, match="no split of Toy 'tset', perhaps"):
    toy.source('tset')
  assert Vowels().classes['label'][8] == 'speaker 9'
  assert Motions().classes['label'][1] == 'Running'


@pytest.mark.slow
@pytest.mark.parametrize(
  ('data', 'channels', 'sizes'),
  [(Motions(), 6, (32, 8, 40)), (Vowels(), 12, (216, 54, 370))],
  ids=['motions', 'vowels'],
)
def test_the_real_archive(data, channels, sizes):
  if importlib.util.find_spec('aeon') is None:
    pytest.skip('needs the PyPI package aeon')
  data.check()
  for split, size in zip(('train', 'validation', 'test'), sizes, strict=True):
    prepared = [data.prepare(e, None) for e in data.source(split)]
    assert len(prepared) == size
    assert all(e['sensor'].shape == (data.length, channels) for e in prepared)
    assert all(np.isfinite(e['sensor']).all() for e in prepared)
    frames = [e['mask']['sensor'].sum() for e in prepared]
    counts = Counter(int(e['label']) for e in prepared)
    assert len(counts) == len(data.labels)
    if split != 'test':
      assert len(set(counts.values())) == 1
    if data.problem == 'BasicMotions':
      assert set(frames) == {100}
    else:
      assert min(frames) >= 7
      assert max(frames) <= 29
