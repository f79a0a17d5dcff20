import numpy as np
import pytest

from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError


@pytest.mark.parametrize(
  'text',
  [
    '',
    'a cat',
    'żółw',
    'Ελλάδα',
    'гусь',
    '山羊',
    'قطة',
    'क्षेत्र',
    '🦊 fox',
    'a\0b\n',
  ],
)
def test_decode_inverts_in_every_script(text):
  ids, mask = ByteTokenizer(length=64)(text)
  assert ByteTokenizer(length=64).decode(ids) == text
  assert mask.sum() == len(text.encode()) + 2
  assert (ids[~mask] == 0).all()
  assert (ids[mask] > 0).all()


def test_ids_are_bytes_plus_four_between_begin_and_end():
  ids, mask = ByteTokenizer(length=6)('aÿ')
  assert ids.tolist() == [1, ord('a') + 4, 0xC3 + 4, 0xBF + 4, 2, 0]
  assert mask.tolist() == [True] * 5 + [False]
  assert ids.dtype == np.int32
  assert ByteTokenizer().vocab_size == 255 + 4 + 1


def test_both_ways_to_type_a_letter_give_the_same_ids():
  tokenizer = ByteTokenizer(length=8)
  composed, _ = tokenizer('\u00e9')
  decomposed, _ = tokenizer('e\u0301')
  np.testing.assert_array_equal(composed, decomposed)


@pytest.mark.parametrize('length', range(3, 12))
def test_cuts_at_a_whole_character_and_still_closes(length):
  tokenizer = ByteTokenizer(length=length)
  text = 'aé山🦊'
  ids, mask = tokenizer(text)
  kept = tokenizer.decode(ids)
  assert text.startswith(kept)
  assert '\ufffd' not in kept
  assert ids[mask][-1] == 2
  # No shorter than it has to be: the next character would not have fitted.
  if kept != text:
    assert len(text[: len(kept) + 1].encode()) > length - 2


def test_text_that_is_no_unicode_still_becomes_tokens():
  ids, _ = ByteTokenizer(length=8)('a\ud800b')
  assert ByteTokenizer(length=8).decode(ids) == 'a?b'


def test_decode_stops_at_the_end_and_skips_special_tokens():
  tokenizer = ByteTokenizer(length=8)
  a, b = ord('a') + 4, ord('b') + 4
  assert tokenizer.decode(np.array([1, a, 3, 0, b, 2, a])) == 'ab'
  assert tokenizer.decode(np.array([0xC3 + 4])) == '\ufffd'


def test_decode_names_an_id_outside_the_vocabulary():
  with pytest.raises(ValueError, match='id 260 is not in a vocabulary of 260'):
    ByteTokenizer().decode(np.array([1, 260]))


def test_too_short_a_length_is_refused():
  with pytest.raises(InputError, match='length 2 is too short'):
    ByteTokenizer(length=2)
