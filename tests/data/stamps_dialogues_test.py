import numpy as np
import pytest
import soundfile

from mmjax.data import espeak, splits, spoken
from mmjax.data.datasets import stamps_cache, stamps_turns
from mmjax.data.datasets.stamps import Stamps
from mmjax.data.datasets.stamps_dialogues import StampsDialogues
from mmjax.data.datasets.stamps_turns import KINDS, TEST_VOICES, VOICES
from mmjax.types import InputError
from tests.data.stamps_folder import NAMES, make_folder


@pytest.fixture(scope='module')
def data(tmp_path_factory):
  try:
    espeak.find_library()
  except InputError as error:
    pytest.skip(str(error))
  folder = tmp_path_factory.mktemp('dialogues')
  root = make_folder(folder / 'stamps')
  for name in NAMES[1:]:
    soundfile.write(root / f'{name}.ogg', np.full(800, 0.5), 16_000)
  stamps = Stamps(
    root=str(root),
    cache=str(folder / 'cache'),
    train_on='train_and_validation',
    image_size=8,
    audio_seconds=2.0,
  )
  return StampsDialogues(stamps=stamps, vocabulary=400)


def stamp_of(row):
  return stamps_cache.read_stamp(row['directory'], row['split'], row['index'])


def read(data, arrays):
  """The text without what stands for items, and the answers."""
  ids, real, answer = arrays['text'], arrays['mask']['text'], arrays['answer']
  text = []
  for name, id in data.placeholders.items():
    assert (ids == id).sum() % data.tokens[name] == 0
  for start in np.flatnonzero(np.diff(answer.astype(int), prepend=0) == 1):
    end = start + np.flatnonzero(ids[start:] == 2)[0]
    text.append(data.tokenizer.decode(ids[start:end]))
  kept = ids[real & (ids < data.vocabulary) & (ids != 2)]
  return data.tokenizer.decode(kept), text


def test_a_dialogue_is_scored_by_its_last_answer(data):
  rows = data.source('test')
  kinds = set()
  for row in rows:
    arrays = data.prepare(row, None)
    turn = row['asked'][-1].turn
    kinds.add(turn.kind)
    assert KINDS[arrays['kind']] == turn.kind
    _, answers = read(data, arrays)
    assert answers == [turn.answer]
    assert arrays['text'][arrays['answer']][-1] == 2
    stamp = stamp_of(row)
    # One picture, and as many sounds as are asked about.
    assert arrays['mask']['image'].tolist() == [True]
    heard = arrays['mask']['audio'].any(axis=1).sum()
    assert heard == sum(one.turn.sounds for one in row['asked'])
    if turn.kind == 'sound':
      assert arrays['audio'][heard - 1].max() == pytest.approx(0.5, abs=0.1)
      assert turn.answer == stamp.category
  assert kinds == {'category', 'name', 'name_fr', 'language', 'sound'}


def test_what_was_said_before_does_not_tell_the_answer(data):
  for split in ('train', 'test'):
    for row in data.source(split, 'spoken'):
      *before, last = (question.turn for question in row['asked'])
      about_language = last.kind == 'language'
      assert all((one.kind == 'language') != about_language for one in before)


def test_spoken_questions_have_other_voices_than_those_of_training(data):
  assert not {*VOICES} & {*TEST_VOICES}
  for row in data.source('test', 'spoken')[:10]:
    question = row['asked'][-1]
    assert question.voice in TEST_VOICES
    arrays = data.prepare(row, None)
    text, _ = read(data, arrays)
    assert question.phrase not in text
    said = spoken.read(row['said'], question.place)
    heard = arrays['audio'][arrays['mask']['audio'].any(axis=1)][-1]
    want = said.samples[: heard.size] / 32768
    np.testing.assert_allclose(heard[: want.size], want, atol=1e-4)
  voices = {
    one.voice
    for seed in range(40)
    for one in stamps_turns.drawn(
      stamp_of(row),
      np.random.default_rng(seed),
      turns=3,
      sounds=2,
      spoken_rate=1.0,
    )
  }
  assert voices - {None} == {*VOICES}


def test_training_draws_dialogues_that_fit(data):
  rows = data.source('train')
  assert len(rows) == sum(not splits.is_test(f'{n}.txt') for n in NAMES)
  counts, blind = set(), 0
  for seed, row in enumerate(rows * 4):
    arrays = data.prepare(row, np.random.default_rng(seed))
    text, answers = read(data, arrays)
    counts.add(len(answers))
    seen = arrays['mask']['image'].any()
    blind += not seen
    heard = arrays['mask']['audio'].any(axis=1).sum()
    placed = (arrays['text'] == data.placeholders['audio']).sum()
    assert heard <= data.sounds
    assert heard * data.tokens['audio'] == (placed if seen else 0)
    assert text.count('U: ') == text.count('A: ') == len(answers)
  assert counts == {1, 2, 3}
  assert 0 < blind < len(rows)
  row = data.prepare(rows[0], np.random.default_rng(3))
  again = data.prepare(rows[0], np.random.default_rng(3))
  assert all(np.array_equal(row[k], again[k]) for k in ('text', 'audio'))


def test_answers_are_those_of_the_split(data):
  told = data.answers('train')
  assert ('language', 'French') in told
  assert {kind for kind, _ in told} <= {*KINDS}
  test = sum(splits.is_test(f'{name}.txt') for name in NAMES)
  names = [one for one in data.answers('test') if one[0] == 'category']
  assert len(names) == test


def test_too_few_sounds_are_refused():
  with pytest.raises(InputError, match='sounds 1'):
    StampsDialogues(sounds=1)
