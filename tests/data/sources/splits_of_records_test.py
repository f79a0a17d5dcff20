"""Which records are for training: as the data says, else by hash."""

import numpy as np
import pytest

from mmjax.data import splits as by_hash
from mmjax.data.sources import Columns, Records
from mmjax.data.sources.splits import assign, split_of_path
from mmjax.types import InputError
from tests.data.sources import same_data

NAMES = [f'n{i}' for i in range(200)]


def test_what_the_data_tells_stays():
  told = ['train', 'test', 'validation', None] * 50
  rows = assign(NAMES, told, where='x')
  for i, split in enumerate(told):
    if split is not None:
      assert i in rows[split]
    else:
      assert i in rows[by_hash.split_of(NAMES[i])]
  assert sum(map(len, rows.values())) == 200


@pytest.mark.parametrize('told', [None, 'train'])
def test_without_a_test_split_the_hash_decides(told):
  rows = assign(NAMES, [told] * 200, where='x')
  for split, found in rows.items():
    assert [by_hash.split_of(NAMES[i]) for i in found] == [split] * len(found)
    assert len(found) > 10


def test_validation_is_carved_out_of_train():
  told = ['train', 'train', 'test'] * 66 + ['test'] * 2
  rows = assign(NAMES, told, where='x')
  assert [told[i] for i in rows['test']] == ['test'] * 68
  assert 5 < len(rows['validation']) < 40
  assert all(by_hash.is_validation(NAMES[i]) for i in rows['validation'])


def test_of_train_and_validation_the_latter_is_the_test():
  told = ['train', 'train', 'validation'] * 66 + ['train'] * 2
  rows = assign(NAMES, told, where='x')
  assert {told[i] for i in rows['test']} == {'validation'}
  assert {told[i] for i in rows['validation']} == {'train'}


def test_data_without_training_records_is_an_error():
  with pytest.raises(InputError, match='x has records for test, and none for'):
    assign(NAMES[:2], ['test', 'test'], where='x')


@pytest.mark.parametrize(
  ('path', 'split'),
  [
    ('data/train-00000-of-00002.parquet', 'train'),
    ('imagenet1k-validation-07.tar', 'validation'),
    ('train/test_001.tar', 'test'),
    ('val.csv', 'val'),
    ('retrained.csv', None),
    ('shard-1.tar', None),
  ],
)
def test_a_path_names_its_split(path, split):
  assert split_of_path(path) == split


def test_records_of_one_name_are_in_one_split(tmp_path):
  lines = [f'{i // 4},t{i},a' for i in range(120)]
  file = tmp_path / 'all.csv'
  file.write_text('\n'.join(['patient,words,label', *lines]))
  columns = Columns(name='patient', text='words')
  data = Records(root=str(file), columns=columns)
  found = {}
  for split in ('train', 'validation', 'test'):
    for example in data.source(split):
      found.setdefault(example['record'].name, set()).add(split)
  assert len(found) == 30
  assert all(len(splits) == 1 for splits in found.values())
  # A seventh of 'train' comes back where nothing is to be chosen.
  whole = Records(
    root=str(file), columns=columns, train_on='train_and_validation'
  )
  names = [len(data.source(s)) for s in ('train', 'validation')]
  assert len(whole.source('train')) == sum(names)


def test_a_wrong_name_of_a_column_has_a_hint(tmp_path):
  file = tmp_path / 'all.csv'
  file.write_text('text,klass\na,b\n')
  columns = Columns(label='klas')
  message = "no column for columns.label in .*'klas', perhaps 'klass'"
  # Only columns that are used are looked at, so the header is asked.
  with pytest.raises(InputError, match=message):
    Records(root=str(file), columns=columns).check()


def test_classes_are_words_or_numbers_in_order(tmp_path):
  file = tmp_path / 'all.jsonl'
  file.write_text(
    '\n'.join(f'{{"text": "a", "label": {i}}}' for i in (10, 9, 0, 'null'))
  )
  data = Records(root=str(file))
  assert data.classes == {'label': ('0', '9', '10')}
  opened = data.opened
  assert opened.counts == {
    'image': 0,
    'text': 4,
    'audio': 0,
    'video': 0,
    'label': 3,
  }
  rows = sorted(
    (e['record'].row, e['label'])
    for split, rows in opened.rows.items()
    if len(rows)
    for e in data.source(split)
  )
  assert rows == [(1, 2), (2, 1), (3, 0), (4, -1)]


def test_labels_that_are_given_stay(tmp_path):
  file = tmp_path / 'all.jsonl'
  file.write_text('{"text": "a", "label": "x", "split": "train"}\n' * 3)
  data = Records(root=str(file), labels=('w', 'x'), modalities=('text',))
  assert data.resolved() == data
  assert data.source('train')[0]['label'] == 1
  other = Records(root=str(file), labels=('w',))
  with pytest.raises(InputError, match="label 'x' is none of the 1 labels"):
    other.prepare(other.source('train')[0], None)


def test_files_of_one_stem_are_one_record(tmp_path):
  png, wav = (
    same_data.png((4, 4), (9, 9, 9)),
    same_data.wav(np.ones(9, 'int16')),
  )
  for name, data in {
    'cat/1.png': png,
    'cat/1.wav': wav,
    'cat/1.jpg': png,
    'cat/deep/1.png': png,
    'dog/.hidden.png': png,
    'dog/Thumbs.db': b'',
    'dog/2.PNG': png,
  }.items():
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(data)
  opened = Records(root=str(tmp_path)).opened
  found = [opened.source[i] for i in range(len(opened.source))]
  names = {r.name: (len(r.cells) - 1, r.cells['label']) for r in found}
  assert names == {
    'cat/1': (2, 'cat'),
    'cat/1.png': (1, 'cat'),
    'cat/deep/1': (1, 'cat'),
    'dog/2': (1, 'dog'),
  }
