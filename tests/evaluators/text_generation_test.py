import math

import numpy as np
import pytest
from PIL import Image

from mmjax.data.tokenizers import ByteTokenizer
from mmjax.evaluators import text_figures
from mmjax.evaluators.generation import Generation
from mmjax.evaluators.text_scores import (
  answers,
  rouge,
  translation,
  word_errors,
)
from mmjax.types import InputError

TEXTS = ['a red house', 'two cats', 'Ω in Athens', '']


def batches(view):
  assert view == 'default'
  tokenizer = ByteTokenizer(length=16)
  ids, masks = zip(*map(tokenizer, TEXTS), strict=True)
  mask = np.stack(masks)
  mask[3] = False
  for rows in (slice(0, 2), slice(2, 4)):
    yield {
      'text': np.stack(ids)[rows],
      'mask': {'text': mask[rows], 'image': np.array([True, rows.start == 0])},
      'kind': np.array([0, 1, 0, -1])[rows],
      'weight': np.ones(2),
    }


def predict(batch, run):
  return run(None, None, batch)


def shorten(batch, run):
  """Leaves out each w, which only `two cats` has."""
  said = run(None, None, batch)
  said['mask'] = said['mask'] & (batch['text'] != ord('w') + 4)
  return said


def echo(model, variables, batch):
  """Says the text backwards wherever there is a picture."""
  ids = np.where(batch['mask']['image'][:, None], batch['text'], 0)
  return {'tokens': ids, 'mask': ids >= 4}


def test_texts_are_scored_and_shown(tmp_path):
  found = Generation(decode=echo, scores=(word_errors, answers))(
    predict, batches, {}
  )
  assert found.numbers['transcript/exact_match'] == pytest.approx(1)
  assert found.numbers['transcript/wer'] == 0
  assert found.tables['transcript_texts'][2] == {
    'right': 'Ω in Athens',
    'found': 'Ω in Athens',
  }
  found.figures['transcript/texts'](tmp_path / 'texts.png')
  with Image.open(tmp_path / 'texts.png') as image:
    assert image.size[0] > 500


def test_rows_without_what_is_given_do_not_count():
  found = Generation(decode=echo, given=('image',), scores=(answers,))(
    predict, batches, {}
  )
  assert len(found.tables['transcript_texts']) == 3


def test_kinds_are_scored_apart():
  evaluator = Generation(
    decode=echo, given=('image',), by='kind', scores=(answers,), name='answer'
  )
  classes = {'kind': ('color', 'number', 'place')}
  numbers = evaluator(shorten, batches, classes).numbers
  # No row that counts asks for a place.
  assert {key: numbers[key] for key in numbers if 'exact' in key} == {
    'answer/exact_match': pytest.approx(2 / 3),
    'answer/color/exact_match': 1,
    'answer/number/exact_match': 0,
  }
  with pytest.raises(InputError, match="no class 'kind'"):
    evaluator(shorten, batches, {})


def test_an_unknown_target_is_named():
  with pytest.raises(InputError, match="no modality 'txt'.*'text'"):
    Generation(decode=echo, target='txt')(predict, batches, {})
  with pytest.raises(InputError, match='examples -1'):
    Generation(decode=echo, examples=-1)


def test_word_errors_count_edits():
  found = word_errors(['a blue house', 'cats', 'x'], ['a red house', 'two', ''])
  assert found['wer'] == pytest.approx((1 + 1) / 4)
  # Four edits each, of 11 + 3 characters.
  assert found['cer'] == pytest.approx((4 + 4) / 14)
  assert math.isnan(word_errors(['x'], [' '])['wer'])


def test_answers_compare_words():
  found = answers(['A  Red house', 'a cat', ''], ['a red house', 'the cat', ''])
  assert found['exact_match'] == pytest.approx(2 / 3)
  assert found['f1'] == pytest.approx((1 + 0.5 + 1) / 3)


def test_translation_and_rouge_know_equal_from_different():
  text = ['the quick brown fox jumps over the lazy dog']
  other = ['nothing here is at all alike, my friend']
  assert translation(text, text)['bleu'] == pytest.approx(100)
  assert translation(text, text)['chrf'] == pytest.approx(100)
  assert translation(other, text)['bleu'] < 5
  assert rouge(text, text)['rougeL'] == pytest.approx(1)
  # Two of four words, stemmed: precision and recall are a half.
  assert rouge(['cats like milk now'], ['a cat likes rain'])[
    'rouge1'
  ] == pytest.approx(0.5)


def test_long_texts_are_cut_in_the_figure(tmp_path):
  text_figures.pairs(
    tmp_path / 'a.png', found=['$x_1' * 200, ''], right=['b', '你好'], title='t'
  )
  with Image.open(tmp_path / 'a.png') as image:
    assert image.size[1] < 400
