import numpy as np
import pytest

from mmjax.data.datasets.stamps import Stamps
from mmjax.data.datasets.stamps_items import (
  LANGUAGES,
  Captions,
  Questions,
  Translations,
)
from mmjax.data.datasets.stamps_tasks import StampsTasks, StampsTokenizer
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError
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


def test_training_may_read_one_language_only(stamps):
  task = Translations(languages=('en', 'ca', 'fr'), sources=('en',))
  data = StampsTasks(stamps=stamps, task=task)
  stamp_row = data.source('train')[0]
  found = set()
  for i in range(20):
    arrays = data.prepare(stamp_row, np.random.default_rng(i))
    assert ByteTokenizer().decode(arrays['source']).startswith('Thing')
    found.add(read(arrays)[0])
  assert found == {'ca: ', 'fr: '}


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


def test_what_is_seen_is_scored_as_the_rest_is(stamps):
  data = StampsTasks(stamps=stamps, task=Captions(scored=('el', 'fr')))
  seen = data.source('test', 'seen')
  drawn = data.source('train')
  assert {row['index'] for row in seen} == {row['index'] for row in drawn[::8]}
  assert {row['item'].prompt for row in seen} == {'el: ', 'fr: '}
  with pytest.raises(InputError, match="no view of stamps 'seem', perhaps"):
    data.source('test', 'seem')


def test_answers_have_the_kind_of_their_question(stamps):
  data = StampsTasks(stamps=stamps, task=Questions(names=('fr',)))
  names = data.classes['kind']
  kinds = {
    ByteTokenizer().decode(arrays['source']): names[arrays['kind']]
    for row in data.source('test')
    for arrays in [data.prepare(row, None)]
  }
  assert kinds == {
    'Which category is it?': 'category',
    'Is there a picture?': 'picture',
    'What is it?': 'name',
    'How is it called in French?': 'name_fr',
    'Which language is spoken?': 'language',
  }


def test_a_language_that_is_not_scored_has_no_kind(stamps):
  task = Translations(languages=('en', 'ca'), scored=('ca',))
  data = StampsTasks(stamps=stamps, task=task)
  row = data.source('train')[0]
  kinds = set()
  for i in range(20):
    arrays = data.prepare(row, np.random.default_rng(i))
    kinds.add((read(arrays)[0], int(arrays['kind'])))
  assert kinds == {('ca: ', 0), ('en: ', -1)}


def test_pieces_of_words_are_learned_from_the_training_split(stamps):
  task = Captions(languages=('en', 'el'), scored=('el',))
  data = StampsTasks(
    stamps=stamps, task=task, vocabulary=300, text_length=24, training_length=6
  )
  tokenizer = StampsTokenizer(tasks=data)
  row = data.source('test')[0]
  arrays = data.prepare(row, None)
  answer, real = arrays['answer'], arrays['mask']['text']
  assert tokenizer.decode(arrays['text'][answer]) == row['item'].answer
  assert tokenizer.decode(arrays['text'][real & ~answer][1:]) == 'el: '
  # `Πράγμα` is 12 bytes.
  assert answer.sum() < 12
  # Training looks at the first pieces, and is not told that they end there.
  drawn = data.source('train')[0]
  some = [
    data.prepare(drawn, np.random.default_rng(i))['text'] for i in range(20)
  ]
  assert {len(text) for text in some} == {6}
  assert any((text > 2).sum() == 5 for text in some)
