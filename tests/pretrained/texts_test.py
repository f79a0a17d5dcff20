"""Tokenizers of folders, and what is wrong with damaged ones."""

import json

import numpy as np
import pytest

from mmjax.pretrained.marks import tokenizer_kind
from mmjax.pretrained.texts import TextProcessor
from mmjax.types import InputError

WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'dog', '##s']


def _read(folder, config=None, model='bert', length=6):
  (folder / 'config.json').write_text(json.dumps({'model_type': model}))
  return TextProcessor(length=length).read(folder, config or {})


@pytest.fixture
def words(tmp_path):
  (tmp_path / 'vocab.txt').write_text('\n'.join(WORDS))
  return tmp_path


def test_words_become_ids(words):
  ids, mask = _read(words)(['A dogs', 'dog [MASK] a a a a a', ''])
  assert ids.tolist() == [
    [2, 5, 6, 7, 3, 0],
    [2, 6, 4, 5, 5, 3],
    [2, 3, 0, 0, 0, 0],
  ]
  np.testing.assert_array_equal(mask, ids != 0)


def test_a_folder_says_what_differs(words):
  config = {
    'do_lower_case': False,
    'model_max_length': 4,
    'pad_token': {'content': '[MASK]'},
    'padding_side': 'left',
    'truncation_side': 'left',
  }
  ids, mask = _read(words, config)(['A', 'dogs a a dog'])
  assert ids.tolist() == [[4, 2, 1, 3], [2, 5, 6, 3]]
  assert mask.tolist() == [[False, True, True, True], [True] * 4]


def test_a_folder_without_tokenizer_takes_only_ids(tmp_path):
  processor = _read(tmp_path)
  ids, mask = processor.stack([[3, 4], [5]])
  assert ids.tolist() == [[3, 4], [5, 0]]
  assert mask.tolist() == [[True, True], [True, False]]
  with pytest.raises(InputError, match='no tokenizer.json and no vocabulary'):
    processor(['a'])


def test_a_damaged_tokenizer_is_refused(tmp_path):
  (tmp_path / 'tokenizer.json').write_text('{}')
  with pytest.raises(InputError, match='tokenizer.json is not a tokenizer: '):
    _read(tmp_path)


@pytest.mark.parametrize('data', [b'', b'\x0a\xff', b'[1, 2]', b'\x08\x01'])
def test_a_damaged_model_is_refused(data, tmp_path):
  (tmp_path / 'spiece.model').write_bytes(data)
  with pytest.raises(InputError, match='spiece.model is no sentencepiece mod'):
    _read(tmp_path, model='siglip')


def test_damaged_merges_are_refused(tmp_path):
  (tmp_path / 'vocab.json').write_text('{"a": 0}')
  (tmp_path / 'merges.txt').write_text('a b\n')
  with pytest.raises(InputError, match='merges.txt is no vocabulary: '):
    _read(tmp_path, model='roberta')


def test_an_unknown_class_is_refused(tmp_path):
  (tmp_path / 'vocab.json').write_text('{"a": 0}')
  (tmp_path / 'merges.txt').write_text('')
  with pytest.raises(
    InputError,
    match=r"merges.txt: tokenizer 'ctrl' is not one of .'clip', 'gpt2', "
    r"'roberta'.*writes a tokenizer.json$",
  ):
    _read(tmp_path, {'tokenizer_class': 'CTRLTokenizer'})


@pytest.mark.parametrize(
  ('model', 'kind'),
  [
    ('clip_text_model', 'clip'),
    ('siglip_text_model', 'siglip'),
    ('clap_text_model', 'roberta'),
  ],
)
def test_a_tower_alone_cuts_texts_as_its_pair_does(model, kind):
  assert tokenizer_kind({}, {'model_type': model}) == kind
