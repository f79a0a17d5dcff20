import numpy as np
import pytest

from mmjax.data.hashed_words import HashedWords
from mmjax.types import InputError


def test_equal_words_have_equal_ids_whatever_their_case():
  ids, mask = HashedWords(length=12)("It's €100 — it's FREE, free!")
  # it ' s € 100 — it ' s free , free
  assert mask.all()
  same = ids[:, None] == ids[None]
  assert same[0, 6]
  assert same[1, 7]
  assert same[2, 8]
  assert same[9, 11]
  assert len(set(ids.tolist())) == 8


def test_ids_are_in_range_and_padding_is_zero():
  words = HashedWords(length=50, vocabulary=7)
  ids, mask = words(' '.join(f'{chr(97 + i)}x' for i in range(26)))
  assert mask.sum() == 26
  assert not ids[26:].any()
  assert set(ids[:26].tolist()) == {4, 5, 6}
  assert ids.dtype == np.int32


def test_what_is_too_long_is_cut_and_nothing_is_nothing():
  whole, _ = HashedWords(length=9)('a b c d e f')
  ids, mask = HashedWords(length=3)('a b c d e f')
  np.testing.assert_array_equal(ids, whole[:3])
  assert mask.all()
  ids, mask = HashedWords(length=3)(' \n')
  assert not mask.any()
  assert not ids.any()


def test_ids_are_written_down():
  """A trained model stays usable from one version to the next."""
  ids, _ = HashedWords(length=2, vocabulary=32_768)('free money')
  # CRC-32 modulo 32,764, behind the four special ids.
  assert ids.tolist() == [0x4D2EC1C8 % 32_764 + 4, 0xB7DF13E4 % 32_764 + 4]


def test_bad_sizes_are_named():
  with pytest.raises(InputError, match='length 0 is not at least 1'):
    HashedWords(length=0)
  with pytest.raises(InputError, match='vocabulary 4 has no ids for words'):
    HashedWords(vocabulary=4)
