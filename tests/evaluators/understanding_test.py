"""Intents and slots of spoken commands, beside a hand-computed case."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from mmjax.data.known_words import KnownWords
from mmjax.evaluators.frame_scores import score, slot_f1
from mmjax.evaluators.frames import Frames
from mmjax.types import InputError

CLASSES = {'intent': ('on', 'off'), 'room': ('', 'kitchen', 'office')}
WORDS = KnownWords(words=('on', 'off', 'kitchen', 'office'), length=3)


def test_scores_of_four_commands():
  truth = {
    'intent': np.array([0, 1, 0, 1]),
    'room': np.array([1, 0, 2, 1]),
    'colour': np.array([0, 3, 0, 0]),
  }
  said = {
    'intent': np.array([0, 1, 1, -1]),
    # A wrong value, and one that nobody meant.
    'room': np.array([1, 2, 1, 1]),
    'colour': np.array([0, 3, 0, 0]),
  }
  found = score(said, truth, intent='intent', slots=('room', 'colour'))
  assert found.intent_accuracy == 0.5
  assert found.exact == 0.25
  # Three of four meant are right, of five that were said.
  assert found.slot_f1 == pytest.approx(2 * 3 / (4 + 5))
  nothing = {'room': np.zeros(2, int)}
  assert slot_f1(nothing, nothing, slots=('room',)) == 1.0


def test_f1_is_that_of_scikit_learn(rng):
  slots = ('a', 'b', 'c')
  truth = {slot: rng.integers(0, 4, 200) for slot in slots}
  said = {slot: rng.integers(0, 4, 200) for slot in slots}

  # Every pair of a slot and a value is a label that a command has or has not.
  def labels(frames):
    return np.stack(
      [frames[slot] == value for slot in slots for value in (1, 2, 3)], axis=1
    )

  want = f1_score(labels(truth), labels(said), average='micro')
  assert slot_f1(said, truth, slots=slots) == pytest.approx(want)


def batches(view, split='test'):
  """Commands that two tones tell apart; `broken` views are silent."""
  rng = np.random.default_rng(split == 'test')
  intent = np.arange(12) % 2
  room = np.arange(12) // 2 % 3
  time = np.arange(8000) / 16_000
  # The intent first, then the room: what does not change tells nothing.
  first, last = (500 + 700 * intent)[:, None], (1500 + 2000 * room)[:, None]
  tones = np.sin(2 * np.pi * time * np.where(time < 0.25, first, last))
  sound = tones + rng.normal(size=tones.shape) * 0.01
  texts = [
    WORDS(' '.join([CLASSES['intent'][i], CLASSES['room'][r]]))
    for i, r in zip(intent, room, strict=True)
  ]
  yield {
    'audio': (sound * (view != 'broken')).astype(np.float32),
    'text': np.stack([ids for ids, _ in texts]),
    'intent': intent.astype(np.int32),
    'room': room.astype(np.int32),
    # The last is filling.
    'weight': (np.arange(12) < 11).astype(np.float32),
    'mask': {
      'audio': np.ones(sound.shape, bool),
      'text': np.stack([mask for _, mask in texts]),
    },
  }


def predict(batch):
  """Right, but for silence."""
  heard = batch['audio'].any(axis=1)
  return {
    'logits': {
      key: np.eye(len(CLASSES[key]), dtype=np.float32)[batch[key] * heard]
      for key in CLASSES
    }
  }


def test_a_model_stands_beside_its_baselines(tmp_path):
  evaluator = Frames(
    tokenizer=WORDS, slots=('room',), views=('default', 'broken'), timed=2
  )
  found = evaluator(predict, batches, CLASSES)
  numbers = found.numbers
  assert numbers['frame/exact'] == numbers['frame/slot_f1'] == 1.0
  assert numbers['frame/nearest_exact'] == numbers['frame/words_exact'] == 1.0
  # Eleven commands, six of which are the commoner intent.
  assert numbers['frame/majority_intent_accuracy'] == pytest.approx(6 / 11)
  assert numbers['frame/broken_intent_accuracy'] == pytest.approx(6 / 11)
  assert numbers['frame/broken_slot_f1'] == 0.0
  assert numbers['frame/latency_ms'] > 0
  assert len(found.tables['frame_commands']) == 11
  assert found.tables['frame_commands'][3] == {
    'words': 'off kitchen',
    'meant': 'off room=kitchen',
    'understood': 'off room=kitchen',
  }
  found.figures['frame'](tmp_path / 'frame.png')
  assert (tmp_path / 'frame.png').stat().st_size > 10_000
  with pytest.raises(InputError, match='rooms'):
    Frames(tokenizer=WORDS, slots=('rooms',))(predict, batches, CLASSES)
