import dataclasses
import itertools

import pytest

from mmjax.data import splits
from mmjax.data.datasets import packages
from mmjax.data.datasets.packages import LineTokenizer, Packages, parse
from mmjax.types import InputError

INDEX = """Package: zebra
Description-md5: 00
Description-en: striped  tool
 It draws
 stripes.
 .
  * black ones
  * white ones

Package: empty
Description-en: has nothing more

Package: other
Description-en: for other things
 Does other things.
"""
SHARED = 'A paragraph that the whole family has.'


def write(folder, count=60):
  """Packages of which every second shares a paragraph."""
  text = ''
  for i in range(count):
    text += (
      f'Package: tool{i}\nDescription-en: tool number {i}\n This is {i}.\n'
    )
    text += f' .\n {SHARED}\n\n' if i % 2 else '\n'
  (folder / 'some_main_i18n_Translation-en').write_text(text)
  return Packages(root=str(folder), cache=str(folder / 'cache'), vocabulary=300)


def test_the_index_is_parsed():
  zebra, other = parse(iter(INDEX.splitlines(keepends=True)))
  assert zebra == (
    'zebra',
    'striped tool',
    'It draws stripes.\n* black ones * white ones',
  )
  assert other.description == 'Does other things.'


def test_rows_are_descriptions_and_lines(tmp_path):
  data = write(tmp_path)
  row = data.source('train')[0]
  arrays = data.prepare(row, None)
  package = row['package']
  words = LineTokenizer(packages=data)
  assert words.decode(arrays['text']) == package.line
  assert arrays['document'].shape == (128,)
  assert arrays['mask']['document'].sum() > arrays['mask']['text'].sum()
  text = words.decode(arrays['document'])
  assert text.replace('\n ', '\n') == package.description


def test_a_word_has_the_same_ids_at_the_start_of_a_text(tmp_path):
  (tmp_path / 'some_main_i18n_Translation-en').write_text(
    'Package: b\nDescription-en: tool of b\n tool or tool\n .\n tool\n'
  )
  data = Packages(root=str(tmp_path), cache=str(tmp_path), vocabulary=300)
  assert not splits.is_test('b')
  arrays = data.prepare(data.source(splits.split_of('b'))[0], None)
  tool = arrays['text'][1:6].tolist()
  ids = ' '.join(map(str, arrays['document']))
  assert ids.count(' '.join(map(str, tool))) == 3


def test_splits_are_by_name_and_unseen_ones_share_nothing(tmp_path):
  data = write(tmp_path)
  names = {
    split: [r['package'].name for r in data.source(split)]
    for split in ('train', 'validation', 'test')
  }
  assert sorted(itertools.chain(*names.values())) == sorted(
    f'tool{i}' for i in range(60)
  )
  assert sorted(names['test']) == sorted(
    f'tool{i}' for i in range(60) if splits.is_test(f'tool{i}')
  )
  unseen = [r['package'] for r in data.source('test', 'unseen')]
  assert unseen
  assert all(SHARED not in p.description for p in unseen)
  assert len(unseen) < len(names['test'])
  both = dataclasses.replace(data, train_on='train_and_validation')
  for split in ('validation', 'test'):
    assert both.source(split, 'unseen')


def test_the_same_few_are_evaluated_and_all_are_trained_on(tmp_path):
  data = write(tmp_path)
  few = dataclasses.replace(data, evaluated=4)
  some, rows = few.source('test'), data.source('test')
  assert len(some) == 4
  assert [r['package'] for r in some] == [r['package'] for r in rows[:4]]
  assert len(few.source('train')) == len(data.source('train')) > 4


def test_the_vocabulary_is_of_the_training_split_alone(tmp_path):
  data = write(tmp_path)
  first = data.tokenizer.file
  file = tmp_path / 'some_main_i18n_Translation-en'
  test = data.source('test')[0]['package']
  file.write_text(file.read_text().replace(f'{test.line}\n', 'an odd one\n'))
  packages._read.cache_clear()
  again = dataclasses.replace(data)
  assert again.tokenizer.file == first


def test_no_index_says_what_to_do(tmp_path):
  with pytest.raises(InputError, match='Acquire::Languages=en'):
    Packages(root=str(tmp_path)).check()
  (tmp_path / 'a_i18n_Translation-en').write_text('nothing\n')
  with pytest.raises(InputError, match='no package is described'):
    Packages(root=str(tmp_path)).source('test')
