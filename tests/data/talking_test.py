import numpy as np
import pytest

from mmjax.data import espeak, splits
from mmjax.data.datasets.talking import (
  SPEAKERS,
  TEST_SPEAKERS,
  Talking,
  _request,
)
from mmjax.data.espeak import Request
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError


@pytest.fixture(scope='module')
def data(tmp_path_factory):
  cache = str(tmp_path_factory.mktemp('talking'))
  found = Talking(cache=cache, sentences=30, evaluated=20)
  try:
    found.check()
  except InputError as error:
    pytest.skip(str(error))
  return found


def test_speech_has_its_sounds_in_time(data):
  text = 'set blue by f four please'
  requests = [Request(text, words_a_minute=150), Request(text, 'en+f2', 100)]
  speech, slow = espeak.speak(requests)
  seconds = speech.seconds
  starts = [p.start for p in speech.phonemes]
  assert 1 < seconds < 4
  assert starts == sorted(starts)
  assert starts[-1] <= seconds
  assert ''.join(p.ipa for p in speech.phonemes)[:5] == 'sɛtbl'
  assert slow.samples.size > 1.2 * speech.samples.size
  # Words follow each other, each from about its first sound on.
  assert [w.text for w in speech.words] == text.split()
  assert all(w.start < w.end for w in speech.words)
  ends = [w.end for w in speech.words]
  assert ends[:-1] == [w.start for w in speech.words[1:]]
  sound = next(p for p in speech.phonemes if p.ipa == 'b')
  assert sound.start == pytest.approx(speech.words[1].start, abs=0.08)
  # What was said before changes nothing.
  again = espeak.speak(requests)
  np.testing.assert_array_equal(again[1].samples, slow.samples)
  with pytest.raises(InputError, match="no voice 'nobody'"):
    espeak.speak([Request('hello', 'nobody')])


def test_training_draws_and_evaluation_repeats(data):
  row = data.source('train')[0]
  one, two = (data.prepare(row, np.random.default_rng(i)) for i in range(2))
  assert np.abs(one['audio'] - two['audio']).max() > 0.01
  row = data.source('test', 'in_step:0')[3]
  one, two = (data.prepare(row, None) for _ in range(2))
  np.testing.assert_array_equal(one['audio'], two['audio'])
  np.testing.assert_array_equal(one['video'], two['video'])
  assert ByteTokenizer().decode(one['text']) == row['text']
  assert one['video'].shape == (65, 24, 24, 1)
  # Sound and video end together, to the frame.
  ends = one['mask']['audio'].sum() / 16_000, one['mask']['video'].sum() / 25
  assert abs(ends[0] - ends[1]) <= 0.04


def test_views_change_noise_and_step_alone(data):
  views = ('default', 'in_step:0', 'in_step:20', 'out_of_step:0')
  clean, loud, soft, late = (
    data.prepare(data.source('test', view)[1], None) for view in views
  )
  real = clean['mask']['audio']
  for noisy, decibels in ((loud, 0), (soft, 20)):
    # What full scale left of the speech.
    x, y = clean['audio'][real], noisy['audio'][real]
    factor = np.dot(x, y) / np.dot(x, x)
    ratio = np.std(factor * x) / np.std(y - factor * x)
    assert abs(20 * np.log10(ratio) - decibels) < 1.5
  np.testing.assert_array_equal(loud['audio'], late['audio'])
  count = clean['mask']['video'].sum()
  np.testing.assert_array_equal(clean['mask']['video'], late['mask']['video'])
  assert np.abs(late['video'] - loud['video'])[:count].max() > 0.3


def test_splits_share_neither_sentences_nor_voices(data):
  train, test = (
    {row['text'] for row in data.source(split)} for split in ('train', 'test')
  )
  assert len(test) == 20
  assert not train & test
  assert all(splits.is_test(text) for text in test)
  for split, texts, wanted in (
    ('train', train, set(SPEAKERS) - set(TEST_SPEAKERS)),
    ('test', test, set(TEST_SPEAKERS)),
  ):
    heard = {_request(t, split).voice.split('+')[1] for t in texts}
    assert heard <= wanted


def test_wrong_views_are_named(data):
  with pytest.raises(InputError, match="'loud' is no number of decibels"):
    data.source('test', 'in_step:loud')
  with pytest.raises(InputError, match="no view of talking 'instep'"):
    data.source('test', 'instep:3')
  with pytest.raises(InputError, match='evaluated 0 is not in 1 to'):
    Talking(evaluated=0)
  with pytest.raises(InputError, match='not in order'):
    Talking(noise=(3.0, 2.0))
