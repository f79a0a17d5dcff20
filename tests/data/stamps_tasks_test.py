import numpy as np
import pytest

from mmjax.data.datasets.stamps import Stamps
from mmjax.data.datasets.stamps_tasks import (
  LANGUAGES,
  Captions,
  Questions,
  StampsTasks,
  Translations,
)
from mmjax.data.tokenizers import ByteTokenizer
from tests.data.stamps_folder import make_folder


@pytest.fixture(scope='module')
def stamps(tmp_path_factory):
  folder = tmp_path_factory.mktemp('tasks')
  return Stamps(
    root=str(make_folder(folder / 'stamps')),
    cache=str(folder / 'cache'),
    train_on='train_and_validation',
    image_size=8,
    audio_seconds=0.1,
  )


def read(arrays):
  """The text that is given, and the answer."""
  decode = ByteTokenizer().decode
  ids, real, answer = (
    arrays['text'],
    arrays['mask']['text'],
    arrays['answer'],
  )
  return decode(ids[real & ~answer]), decode(ids[answer])


def test_a_caption_follows_its_language(stamps):
  data = StampsTasks(stamps=stamps, task=Captions(scored=('el', 'fr')))
  rows = data.source('test')
  found = [read(data.prepare(row, None)) for row in rows]
  assert {given for given, _ in found} == {'el: ', 'fr: '}
  for given, answer in found:
    assert answer.startswith('Πράγμα' if given == 'el: ' else 'Une chose')
  arrays = data.prepare(rows[0], None)
  # The end of the text is part of the answer, its begin is not.
  assert arrays['text'][arrays['answer']][-1] == 2
  assert not arrays['answer'][0]
  assert arrays['mask']['image']
  assert not arrays['mask']['source'].any()
  assert not arrays['mask']['audio'].any()


def test_translations_are_read_in_english_when_scored(stamps):
  data = StampsTasks(stamps=stamps, task=Translations(scored=('ca',)))
  for row in data.source('test'):
    arrays = data.prepare(row, None)
    source = ByteTokenizer().decode(arrays['source'])
    given, answer = read(arrays)
    number = source.removeprefix('Thing ').removesuffix('.')
    assert given == 'ca: '
    assert answer == f'Cosa {number}. Què = això?'


def test_training_draws_among_all_items(stamps):
  data = StampsTasks(stamps=stamps, task=Translations(languages=('en', 'ca')))
  row = data.source('train')[0]
  found = {
    read(data.prepare(row, np.random.default_rng(i)))[0] for i in range(20)
  }
  assert found == {'en: ', 'ca: '}


def test_questions_show_only_what_answers_them(stamps):
  data = StampsTasks(stamps=stamps, task=Questions(names=('fr',)))
  seen = set()
  for row in data.source('test'):
    arrays = data.prepare(row, None)
    question = ByteTokenizer().decode(arrays['source'])
    given, answer = read(arrays)
    assert given == ''
    seen.add(question)
    mask = arrays['mask']
    if question == 'Is there a picture?':
      assert answer == ('yes' if mask['image'] else 'no')
    elif question == 'Which language is spoken?':
      assert answer in LANGUAGES.values()
      assert mask['audio'].any()
      assert not mask['image']
    else:
      assert mask['image']
      assert not mask['audio'].any()
    if question == 'Which category is it?':
      assert answer in ('animals', 'food')
  assert seen == {
    'Which category is it?',
    'Is there a picture?',
    'What is it?',
    'How is it called in French?',
    'Which language is spoken?',
  }
