"""Cleaning of texts."""

import pytest

from mmjax.data.transforms import CleanText


@pytest.mark.parametrize(
  ('text', 'want'),
  [
    ('e\u0301', 'é'),
    ('  two \t\n words\u3000here\u00a0 ', 'two words here'),
    ('a\x00b\x07c', 'abc'),
    ('\ufeffsoft\u00adhyphen\u200b \u202eback', 'softhyphen back'),
    ('क\u094d\u200cष', 'क\u094d\u200cष'),
    ('👩\u200d🚀', '👩\u200d🚀'),
    ('ﬁ', 'ﬁ'),
    ('', ''),
    (' \n', ''),
  ],
)
def test_one_form(text, want):
  clean = CleanText()
  assert clean(text) == want
  assert clean(clean(text)) == want


def test_options():
  assert CleanText(form='NFKC')('ﬁ \uff21B') == 'fi AB'
  assert CleanText(case='lower')('ÄB İ') == 'äb i̇'
  assert CleanText(lines='keep')('\na  b\r\n\tc \n') == 'a b\nc'
