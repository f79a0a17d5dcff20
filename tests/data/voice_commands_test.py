import re

import numpy as np
import pytest

from mmjax.data.datasets import commands_phrases as phrases
from mmjax.data.datasets.commands import SPEAKERS, Commands
from mmjax.data.known_words import KnownWords
from mmjax.data.pink import in_noise
from mmjax.types import InputError

SPLITS = ('train', 'validation', 'test')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
  cache = str(tmp_path_factory.mktemp('commands'))
  found = Commands(cache=cache, commands=40, evaluated=20)
  try:
    found.check()
  except InputError as error:
    pytest.skip(str(error))
  return found


def test_splits_share_no_voice_and_no_phrasing():
  def said(intent, split):
    # Two phrasings may be one where no room is named.
    return {
      text.replace('{where}', where)
      for text in getattr(intent, split)
      for where in ('', ' in the {room}')
    }

  for one, other in (SPLITS[:2], SPLITS[1:], SPLITS[::2]):
    assert not {*SPEAKERS[one]} & {*SPEAKERS[other]}
    for intent in phrases.INTENTS.values():
      assert not said(intent, one) & said(intent, other)


def test_held_out_phrasings_have_no_new_word():
  """Only then can a model that never heard a word be asked for it."""
  words = {}
  for split in SPLITS:
    texts = [
      phrases.draw(split, np.random.default_rng(i)).text for i in range(3000)
    ]
    words[split] = {*re.findall(r'\w+', ' '.join(texts).lower())}
  assert words['validation'] <= words['train']
  assert words['test'] <= words['train']
  assert words['train'] <= {*phrases.WORDS}


def test_what_is_said_has_the_slots_that_are_meant():
  for seed in range(300):
    command = phrases.draw(SPLITS[seed % 3], np.random.default_rng(seed))
    assert '{' not in command.text
    for slot, value in command.slots.items():
      assert value in phrases.SLOTS[slot]
      assert value in command.text
  again = phrases.draw('train', np.random.default_rng(7))
  assert again == phrases.draw('train', np.random.default_rng(7))


def test_a_command_is_its_sound_words_and_meaning(data):
  for row in data.source('test')[:5]:
    arrays = data.prepare(row, None)
    command = row['command']
    said = data.words.decode(arrays['text'][arrays['mask']['text']])
    assert said == command.text.lower()
    intents = data.classes['intent']
    assert intents[arrays['intent']] == command.intent
    for slot, values in phrases.SLOTS.items():
      assert values[arrays[slot]] == command.slots.get(slot, phrases.NONE)
    real = arrays['mask']['audio']
    seconds = real.sum() / 16_000
    assert 0.5 < seconds <= data.audio_seconds
    assert arrays['audio'][real].std() > 0.01
    assert not arrays['audio'][~real].any()


def test_training_draws_noise_and_evaluation_repeats_it(data):
  row = data.source('train')[0]
  one, two = (data.prepare(row, np.random.default_rng(i)) for i in range(2))
  assert np.abs(one['audio'] - two['audio']).max() > 0.001
  assert one['intent'] == two['intent']
  row = data.source('test')[3]
  one, two = (data.prepare(row, None) for _ in range(2))
  np.testing.assert_array_equal(one['audio'], two['audio'])
  clean, loud = (
    data.prepare(data.source('test', view)[3], None)['audio']
    for view in ('clean', 'noise:-5')
  )
  mask = one['mask']['audio']
  quiet = np.abs(clean[mask]) < 1e-4
  assert loud[mask][quiet].std() > one['audio'][mask][quiet].std() > 0.001


def test_views_borrow_phrasings_or_voices_of_training(data):
  known = {*sum((i.train for i in phrases.INTENTS.values()), ())}
  assert known
  sizes = [
    len(data.source('test', view))
    for view in ('default', 'known_phrasings', 'known_voices')
  ]
  assert sizes == [40, 40, 40]
  for view, match in (('noise:loud', 'no number'), ('loud', 'loud')):
    with pytest.raises(InputError, match=match):
      data.source('test', view)


@pytest.mark.parametrize(
  ('field', 'value'),
  [('commands', 0), ('evaluated', 0), ('audio_seconds', 0.0),
   ('noise', (5.0, 1.0))],
)  # fmt: skip
def test_fields_out_of_range_are_refused(field, value):
  with pytest.raises(InputError, match=field):
    Commands(**{field: value})


def test_noise_is_pink_and_as_strong_as_asked(rng):
  tone = np.sin(np.arange(30_000) / 9).astype(np.float32) * 0.1
  noise = in_noise(tone, 10.0, rng) - tone
  assert 20 * np.log10(tone.std() / noise.std()) == pytest.approx(10, abs=0.1)
  power = np.abs(np.fft.rfft(noise)) ** 2
  octaves = [power[2**i : 2 ** (i + 1)].sum() for i in range(8, 13)]
  # As much in each; white noise would have sixteen times as much in the last.
  assert max(octaves) < 2 * min(octaves)
  assert in_noise(tone, None, rng) is tone
  assert np.abs(in_noise(tone * 10, -20.0, rng)).max() <= 1


def test_words_that_are_not_known_are_told():
  words = KnownWords(words=('on', 'off'), length=3)
  ids, mask = words('On, what?')
  assert (ids.tolist(), mask.tolist()) == ([4, 3, 0], [True, True, False])
  assert words.decode(ids) == 'on ?'
  assert words.vocabulary == 6
  with pytest.raises(ValueError, match='id 6 is not in a vocabulary of 6'):
    words.decode(np.array([6]))
  with pytest.raises(InputError, match='one twice'):
    KnownWords(words=('on', 'on'))
  with pytest.raises(InputError, match='length 0'):
    KnownWords(words=('on',), length=0)
