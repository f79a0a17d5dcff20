"""Feelings: what is felt follows from what is shown, and splits are apart."""

import re

import numpy as np
import pytest

from mmjax.data import espeak, spoken
from mmjax.data.datasets import feelings_phrases, feelings_signals
from mmjax.data.datasets.feelings import Feelings
from mmjax.data.datasets.feelings_signals import (
  EMOTIONS,
  FACES,
  SIGNALS,
  SITUATIONS,
  SPEAKERS,
  felt_of,
)
from mmjax.data.espeak import Request
from mmjax.types import InputError

SPLITS = ('train', 'validation', 'test')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
  cache = str(tmp_path_factory.mktemp('feelings'))
  found = Feelings(cache=cache, people=60, evaluated=40)
  try:
    found.check()
  except InputError as error:
    pytest.skip(str(error))
  return found


@pytest.mark.parametrize(
  ('audio', 'text', 'image', 'felt'),
  [
    ('joy', 'joy', 'joy', 'joy'),
    ('anger', 'joy', 'anger', 'anger'),
    ('calm', 'fear', 'fear', 'fear'),
    ('sadness', 'sadness', 'joy', 'sadness'),
    # All differ: the voice.
    ('fear', 'joy', 'calm', 'fear'),
  ],
)
def test_what_most_signals_show_is_felt(audio, text, image, felt):
  assert felt_of({'image': image, 'text': text, 'audio': audio}) == felt


@pytest.mark.parametrize('situation', SITUATIONS)
@pytest.mark.parametrize('felt', EMOTIONS)
def test_situations_obey_the_rule(felt, situation):
  for seed in range(12):
    rng = np.random.default_rng(seed)
    shown = feelings_signals.situate(felt, situation, rng)
    assert felt_of(shown) == felt
    different = {'sincere': 1, 'torn': 3}.get(situation, 2)
    assert len({*shown.values()}) == different


def test_splits_share_no_voice_no_phrasing_and_no_face():
  for one, other in (SPLITS[:2], SPLITS[1:], SPLITS[::2]):
    assert not {*SPEAKERS[one]} & {*SPEAKERS[other]}
    for split_faces in FACES.values():
      assert not {*split_faces[one]} & {*split_faces[other]}
    for phrases in feelings_phrases.PHRASES.values():
      assert not {*getattr(phrases, one)} & {*getattr(phrases, other)}
  of = [face for split in FACES.values() for face in sum(split.values(), ())]
  assert len(of) == len({*of})


def test_held_out_phrasings_have_no_new_word():
  for phrases in feelings_phrases.PHRASES.values():
    held_out = ' '.join(phrases.validation + phrases.test).lower()
    assert {*re.findall(r'\w+', held_out)} <= {*feelings_phrases.WORDS}


def test_an_example_is_what_its_person_shows(data):
  rows = data.source('test')
  assert len(rows) == 80
  # Somebody lacks each signal, and nobody lacks all.
  missing = [row['person'].missing for row in rows]
  assert {*SIGNALS} == {name for names in missing for name in names}
  assert max(map(len, missing)) < 3
  for row in rows[:20]:
    person, arrays = row['person'], data.prepare(row, None)
    assert EMOTIONS[arrays['label']] == person.felt == felt_of(person.shown)
    shown = dict(zip(SIGNALS, arrays['shown'], strict=True))
    assert {k: EMOTIONS[x] for k, x in shown.items()} == person.shown
    assert tuple(SITUATIONS)[arrays['situation']] == person.situation
    for signal in SIGNALS:
      here = signal not in person.missing
      assert arrays['mask'][signal].any() == here
      assert arrays[signal].any() == here
    if 'text' not in person.missing:
      said = data.words.decode(arrays['text'][arrays['mask']['text']])
      assert said == person.text.lower().replace(',', '')


def test_views_are_of_the_same_people(data):
  complete = data.source('test', 'complete')
  disagreeing = data.source('test', 'disagreeing')
  assert len(complete) == 80
  assert not any(row['person'].missing for row in complete)
  some = [row for row in complete if len({*row['person'].shown.values()}) > 1]
  assert [row['row'] for row in some] == [row['row'] for row in disagreeing]
  assert 0 < len(disagreeing) < 80
  # A signal that is there looks and sounds the same in every view.
  row = next(row for row in data.source('test') if row['person'].missing)
  one = data.prepare(row, None)
  other = data.prepare(complete[row['row']], None)
  for signal in SIGNALS:
    if signal not in row['person'].missing:
      np.testing.assert_array_equal(one[signal], other[signal])
  with pytest.raises(InputError, match='complet'):
    data.source('test', 'completed')


def test_training_draws_and_evaluation_repeats(data):
  row = data.source('train', 'complete')[0]
  one, two = (data.prepare(row, np.random.default_rng(i)) for i in range(2))
  assert np.abs(one['audio'] - two['audio']).max() > 0.001
  assert (one['image'] != two['image']).mean() > 0.1
  assert one['label'] == two['label']
  row = data.source('test', 'complete')[0]
  one, two = (data.prepare(row, None) for _ in range(2))
  np.testing.assert_array_equal(one['audio'], two['audio'])
  np.testing.assert_array_equal(one['image'], two['image'])


def test_angry_voices_are_louder_and_faster_than_sad_ones(data):
  rows = data.source('test', 'complete')
  power = {emotion: [] for emotion in EMOTIONS}
  for row in rows:
    said = spoken.read(row['folder'], row['row'])
    power[row['person'].shown['audio']].append(said.samples.std())
  assert np.mean(power['anger']) > 1.3 * np.mean(power['sadness'])
  text = 'the letter came today'
  angry, sad = (
    [
      feelings_signals.say(text, emotion, 'test', np.random.default_rng(i))
      for i in range(40)
    ]
    for emotion in ('anger', 'sadness')
  )
  paces = [[r.words_a_minute for r in x] for x in (angry, sad)]
  assert np.mean(paces[0]) > np.mean(paces[1]) + 40


def test_a_voice_has_the_volume_and_range_asked_for(data):
  text = 'what a lovely surprise, my sister called'
  usual, quiet, flat = espeak.speak(
    [Request(text), Request(text, volume=50), Request(text, pitch_range=0)]
  )
  ratio = usual.samples.std() / quiet.samples.std()
  assert ratio == pytest.approx(2.0, rel=0.15)
  assert not np.array_equal(flat.samples[:20_000], usual.samples[:20_000])


def test_voices_of_usual_volume_keep_their_place(tmp_path):
  """So that what was said before requests had a volume is found again."""
  one = spoken._name(Request('hello', 'en+m1', 150, 40))
  assert one == ('hello', 'en+m1', 150, 40)
  loud = Request('hello', 'en+m1', 150, 40, 50, 120)
  assert spoken._name(loud) == tuple(loud)


@pytest.mark.parametrize(
  ('field', 'value'),
  [('people', 0), ('evaluated', 0), ('image_size', 0), ('audio_seconds', 0.0),
   ('noise', (5.0, 1.0))],
)  # fmt: skip
def test_fields_of_feelings_are_checked(field, value):
  with pytest.raises(InputError, match=field):
    Feelings(**{field: value})
