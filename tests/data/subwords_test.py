import numpy as np
import pytest

from mmjax.data.subwords import Subwords, learn
from mmjax.types import InputError

TEXTS = ['the cat and the hat', 'the bat', 'Ω is a letter'] * 4


@pytest.fixture(scope='module')
def file(tmp_path_factory):
  path = tmp_path_factory.mktemp('subwords') / 'a' / 'b.json'
  learn(TEXTS, path, vocabulary=300)
  return str(path)


def test_every_text_comes_back(file):
  tokenizer = Subwords(file=file, length=40)
  for text in [*TEXTS[:3], '', ' two  spaces', '你好 🙂', 'e\u0301']:
    ids, mask = tokenizer(text)
    assert ids.shape == mask.shape == (40,)
    assert ids[0] == 1
    assert ids[mask][-1] == 2
    assert not ids[~mask].any()
    assert tokenizer.decode(ids) == text.replace('e\u0301', 'é')
    assert ids.max() < tokenizer.vocab_size <= 300


def test_frequent_words_are_one_token(file):
  ids, mask = Subwords(file=file)('the the')
  assert mask.sum() <= 5
  assert np.isin(ids[mask][1:-1], range(4)).sum() == 0


def test_what_does_not_fit_is_cut(file):
  ids, mask = Subwords(file=file, length=5)('the cat and the hat')
  assert mask.all()
  assert ids[-1] == 2


def test_wrong_inputs_are_named(file, tmp_path):
  with pytest.raises(InputError, match='length 2'):
    Subwords(file=file, length=2)
  with pytest.raises(InputError, match='vocabulary 100 is less than 260'):
    learn(TEXTS, tmp_path / 'x', vocabulary=100)
  (tmp_path / 'bad.json').write_text('{')
  with pytest.raises(InputError, match='bad.json is no tokenizer'):
    Subwords(file=str(tmp_path / 'bad.json'))('a')


@pytest.mark.parametrize('kind', ['wordpiece', 'unigram'])
def test_other_kinds_write_what_they_have_met(kind, tmp_path):
  file = tmp_path / 'v.json'
  learn([t + u for t in TEXTS for u in TEXTS], file, vocabulary=60, kind=kind)
  tokenizer = Subwords(file=str(file), length=30)
  assert 20 < tokenizer.vocab_size <= 60
  for text in TEXTS[:3]:
    ids, mask = tokenizer(text)
    assert ids[0] == 1
    assert ids[mask][-1] == 2
    assert 3 not in ids
    assert tokenizer.decode(ids) == text
  assert len(tokenizer.encode('the cat and the hat')) < 19
  assert 3 in tokenizer.encode('你')  # a letter of none of the texts


@pytest.mark.parametrize('kind', ['wordpiece', 'unigram'])
def test_a_vocabulary_has_room_for_the_letters(kind, tmp_path):
  with pytest.raises(InputError, match='vocabulary 6'):
    learn(TEXTS, tmp_path / 'x', vocabulary=6, kind=kind)
  with pytest.raises(InputError, match='there is no text'):
    learn(['', ' '], tmp_path / 'x', vocabulary=60, kind=kind)
  assert not (tmp_path / 'x').exists()
