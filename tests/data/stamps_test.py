"""The stamps: splits, views and examples, on a small folder made up here."""

import dataclasses
import hashlib
import pickle
import re
from collections import Counter
from pathlib import Path

import jax
import numpy as np
import pytest
from stamps_folder import NAMES, make_folder, make_stamp

from mmjax.data import pipeline
from mmjax.data.datasets.stamps import Stamps
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
  return make_folder(tmp_path_factory.mktemp('stamps'))


@pytest.fixture(scope='module')
def cache(tmp_path_factory) -> str:
  return str(tmp_path_factory.mktemp('cache'))


@pytest.fixture
def stamps(folder, cache) -> Stamps:
  return Stamps(root=str(folder), cache=cache, image_size=32, audio_seconds=0.2)


def _is_test(name: str) -> bool:
  return int(hashlib.md5(f'{name}.txt'.encode()).hexdigest(), 16) % 5 == 0


def _names(source) -> list[str]:
  return [row['stamp'].name.removesuffix('.txt') for row in source]


def _text(example) -> str:
  return ByteTokenizer(length=96).decode(example['text'])


def _example(stamps, number, rng=None):
  for split in ('train', 'validation', 'test'):
    for row in stamps.source(split):
      if row['stamp'].name == f'{NAMES[number]}.txt':
        return stamps.prepare(row, rng)
  raise AssertionError(number)


def test_splits_follow_the_md5_of_the_path(stamps):
  train, validation, test = (
    _names(stamps.source(split)) for split in ('train', 'validation', 'test')
  )
  assert test == sorted(filter(_is_test, NAMES))
  assert validation
  assert sorted(train + validation + test) == sorted(NAMES)
  both = Stamps(
    root=stamps.root, cache=stamps.cache, train_on='train_and_validation'
  )
  assert _names(both.source('train')) == sorted(train + validation)


def test_an_example_holds_picture_english_and_first_language_spoken(stamps):
  example = _example(stamps, 1)
  # 20 x 10 on a white square, doubled and halved again.
  np.testing.assert_array_equal(
    example['image'][12:20], [[[1, 20, 30]] * 32] * 8
  )
  assert (example['image'][:7] == 255).all()
  assert _text(example) == 'Thing 1.'
  assert stamps.classes['language'][example['language']] == 'ca'
  assert example['pool'] == example['language']
  assert example['mask']['audio'].sum() == 1600
  np.testing.assert_allclose(example['audio'][400:1200], 0.03, atol=2e-3)
  assert not example['audio'][1600:].any()
  assert stamps.classes['label'][example['label']] == 'animals'
  assert stamps.classes['label'][_example(stamps, 13)['label']] == 'food'


def test_svg_is_drawn_and_missing_speech_is_absent(stamps):
  example = _example(stamps, 12)
  assert example['image'][16, 16].tolist() == [255, 0, 0]
  assert example['mask']['image']
  assert not example['mask']['audio'].any()
  assert not example['audio'].any()
  assert example['language'] == example['pool'] == -1


def test_languages_view_groups_the_descriptions_of_a_stamp(stamps):
  rows = stamps.source('test', 'languages')
  stamp_of, texts = {}, Counter()
  for row in rows:
    example = stamps.prepare(row, None)
    name = row['stamp'].name
    assert stamp_of.setdefault(int(example['group']), name) == name
    texts[name] += 1
    # Speech stays what it is by default, whatever the text's language.
    assert example['language'] in (-1, stamps.spoken.index('ca'))
  # English, French and Catalan; Greek is not `written`, German is empty.
  assert set(texts.values()) == {3}
  assert len(texts) == len(stamps.source('test'))
  assert {row['text'] for row in rows} == {'en', 'fr', 'ca'}


def test_speech_view_pools_a_language_and_groups_equal_texts(stamps):
  rows = stamps.source('train', 'speech')
  examples = [stamps.prepare(row, None) for row in rows]
  pools, groups = {}, {}
  for example in examples:
    language = stamps.spoken[example['language']]
    assert example['pool'] == example['language']
    pools.setdefault(language, []).append(_text(example))
    key = language, _text(example)
    assert groups.setdefault(int(example['group']), key) == key
  spoken = [n for n in _names(stamps.source('train')) if NAMES.index(n) % 4]
  # No Russian: it is spoken, but not written.
  assert {k: len(v) for k, v in pools.items()} == dict.fromkeys(
    ('ca', 'el', 'en', 'fr'), len(spoken)
  )
  assert set(pools['fr']) == {'Une chose.'}
  assert len(set(pools['ca'])) == len(spoken)
  assert len(groups) == 3 * len(spoken) + 1
  # All of them have the same French text, and so does the test split.
  told = {
    view: {(row['text'], row['stamp'].texts[row['text']]) for row in rows}
    for view, rows in (
      ('train', rows),
      ('speech', stamps.source('test', 'speech')),
      ('unseen', stamps.source('test', 'unseen')),
    )
  }
  assert ('fr', 'Une chose.') in told['speech']
  assert told['unseen'] == told['speech'] - told['train'] != set()
  # Of what is trained on, that is looked at which would be unseen, were it not.
  held = dataclasses.replace(stamps, train_on='train')
  both = dataclasses.replace(stamps, train_on='train_and_validation')
  assert _names(both.source('validation', 'unseen')) == _names(
    held.source('validation', 'unseen')
  )
  # What was trained on, beside any split.
  seen = stamps.source('test', 'seen')
  assert _names(seen) == _names(rows)[::4]
  assert [row['audio'] for row in seen] == [row['audio'] for row in rows][::4]


def test_training_draws_text_and_speech_of_one_language(stamps, rng):
  row = next(r for r in stamps.source('train') if NAMES.index(
    r['stamp'].name.removesuffix('.txt')) % 4)  # fmt: skip
  texts = row['stamp'].texts
  never = Stamps(root=stamps.root, cache=stamps.cache, default_rate=0.0)
  seen = Counter()
  for _ in range(400):
    example = never.prepare(row, rng)
    language = never.spoken[example['language']]
    seen[language] += 1
    assert _text(example) == texts.get(language, '')
    assert example['mask']['text'].any() == (language in texts)
    assert example['mask']['audio'].any()
  assert set(seen) == {'ca', 'el', 'en', 'fr', 'ru'}
  assert min(seen.values()) > 20  # 40 expected of Greek, in speech only

  always = Stamps(root=stamps.root, cache=stamps.cache, default_rate=1.0)
  drawn, plain = always.prepare(row, rng), always.prepare(row, None)
  jax.tree.map(np.testing.assert_array_equal, drawn, plain)


def test_training_groups_equal_texts(stamps, rng):
  never = Stamps(root=stamps.root, cache=stamps.cache, default_rate=0.0)
  groups = {}
  for row in list(never.source('train')) * 30:
    example = never.prepare(row, rng)
    text = _text(example)
    # Without text (Russian), only the same stamp is the same.
    key = text or row['stamp'].name
    assert groups.setdefault(key, int(example['group'])) == example['group']
  assert len(set(groups.values())) == len(groups)
  assert 'Une chose.' in groups


def test_augmentation_is_for_training_only(folder, cache, rng):
  def black(image, rng):
    return image * np.uint8(rng.random() > 1)

  stamps = Stamps(root=str(folder), cache=cache, augment=(black,))
  row = stamps.source('test')[0]
  assert not stamps.prepare(row, rng)['image'].any()
  assert stamps.prepare(row, None)['image'].any()


def test_all_views_have_one_structure_and_travel_to_workers(stamps):
  stamps = pickle.loads(pickle.dumps(stamps))
  shapes = []
  for view in ('default', 'languages', 'speech'):
    rows = pickle.loads(pickle.dumps(stamps.source('test', view)))
    assert rows[0]['stamp'].name == stamps.source('test', view)[0]['stamp'].name
    with pipeline.eval_batches(
      stamps, 'test', view=view, batch_size=4
    ) as batches:
      batch = next(batches)
    shapes.append(jax.tree.map(lambda x: (x.shape, str(x.dtype)), batch))
  assert shapes[0] == shapes[1] == shapes[2]
  assert shapes[0]['image'] == ((4, 32, 32, 3), 'uint8')
  assert shapes[0]['audio'] == ((4, 3200), 'float32')
  assert shapes[0]['group'] == ((4,), 'int32')


def _folder_error(root, **options) -> str:
  with pytest.raises(InputError) as error:
    Stamps(root=str(root), **options).check()
  assert '\n' not in str(error.value)
  return str(error.value)


def test_a_folder_without_stamps_says_what_to_do(tmp_path):
  missing = _folder_error(tmp_path / 'none')
  assert f'no stamps folder {tmp_path}/none' in missing
  assert 'apt-get install tuxpaint-stamps-default' in missing
  assert '--data.root' in missing
  (tmp_path / 'README.txt').write_text('No stamp.')
  assert 'holds no stamps' in _folder_error(tmp_path)
  assert 'not a folder' in _folder_error(tmp_path / 'README.txt')


def test_a_folder_of_other_categories_names_the_nearest(tmp_path):
  make_stamp(tmp_path, 'animal/cat', 1)
  message = _folder_error(tmp_path)
  assert re.search(
    "animal/cat.txt is in the folder 'animal'.*nearest: 'animals'", message
  )
  other = Stamps(root=str(tmp_path), categories=('animal',))
  other.check()
  assert other.classes['label'] == ('animal',)


def test_bad_values_and_names_are_refused(stamps, tmp_path):
  with pytest.raises(InputError, match=r'default_rate 1\.5'):
    Stamps(default_rate=1.5)
  with pytest.raises(InputError, match='image_size 0'):
    Stamps(image_size=0)
  with pytest.raises(InputError, match='audio_seconds 0'):
    Stamps(audio_seconds=0.0)
  with pytest.raises(InputError, match='length 2 is too short'):
    Stamps(text_length=2)
  with pytest.raises(InputError, match=r"'tset', perhaps 'test'"):
    stamps.source('tset')
  with pytest.raises(InputError, match=r"'language', perhaps 'languages'"):
    stamps.source('test', 'language')
  (tmp_path / 'file').write_text('')
  with pytest.raises(InputError, match=r'cannot keep .*--data\.cache'):
    Stamps(root=stamps.root, cache=str(tmp_path / 'file')).source('test')


def test_a_split_without_stamps_is_named(tmp_path):
  name = next(name for name in NAMES if not _is_test(name))
  make_stamp(tmp_path / 'root', name, 0)
  stamps = Stamps(root=str(tmp_path / 'root'), cache=str(tmp_path / 'cache'))
  with pytest.raises(InputError, match=r'no stamp of .* the split test'):
    stamps.source('test')
