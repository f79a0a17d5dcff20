"""Macro F1 by modality, beside cases computed by hand."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from mmjax.data.datasets.feelings_signals import SIGNALS
from mmjax.data.known_words import KnownWords
from mmjax.evaluators import emotion_baselines as baselines
from mmjax.evaluators import prosody
from mmjax.evaluators.emotions import Emotions
from mmjax.types import InputError

CLASSES = {
  'label': ('joy', 'sadness', 'anger'),
  'situation': ('sincere', 'irony'),
}
WORDS = KnownWords(words=('good', 'bad', 'enough'), length=2)


@pytest.mark.parametrize('hertz', [90, 150, 220, 333])
def test_pitch_of_a_voiced_sound(hertz, rng):
  time = np.arange(16_000) / 16_000
  voice = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 8))
  sound = (0.1 * voice + 0.02 * rng.standard_normal(time.size)).astype('f')
  found = prosody.pitch(sound)
  assert np.isfinite(found).mean() > 0.9
  np.testing.assert_allclose(np.nanmedian(found), hertz, rtol=0.02)
  noise = rng.standard_normal(16_000).astype('f') * 0.1
  assert np.isfinite(prosody.pitch(noise)).mean() < 0.05


def test_statistics_of_prosody_are_of_what_is_real(rng):
  time = np.arange(16_000) / 16_000
  # An octave up in a second, and four syllables.
  phase = 2 * np.pi * 120 * (2**time - 1) / np.log(2)
  swell = 0.05 + 0.3 * np.sin(np.pi * 4 * time) ** 2
  voice = sum(np.sin(phase * k) / k for k in range(1, 6))
  sound = (swell * voice).astype('f')
  mask = np.ones(20_000, bool)
  mask[16_000:] = False
  padded = np.concatenate([sound, 1e4 * np.ones(4000, 'f')])
  found = prosody.statistics(padded, mask)
  alone = prosody.statistics(sound, mask[:16_000])
  np.testing.assert_array_equal(found, alone)
  mean, slope, peaks, length = found[[0, 5, 14, 16]]
  assert mean == pytest.approx(np.log2(120) + 0.5, abs=0.05)
  assert slope == pytest.approx(1.0, abs=0.1)
  assert peaks == pytest.approx(4, abs=1)
  assert length == pytest.approx(0.0)
  louder = prosody.statistics(2 * sound, mask[:16_000])
  # Six decibels, and nothing else.
  np.testing.assert_allclose(louder[8] - found[8], 6.02, atol=0.01)
  np.testing.assert_allclose(louder[:8], found[:8], atol=1e-5)
  assert not prosody.statistics(sound, np.zeros(16_000, bool)).any()


def batches(view, split='test'):
  """People whose signals each show an emotion; `broken` faces are black."""
  rng = np.random.default_rng(split == 'test')
  shown = rng.integers(0, 3, (24, 3))
  shown[:12] = np.arange(12)[:, None] % 3  # sincere
  felt = np.where(shown[:, 1] == shown[:, 2], shown[:, 1], shown[:, 0])
  time = np.arange(8000) / 16_000
  hertz = 100.0 * (1 + shown[:, 0])
  sound = np.sin(2 * np.pi * time * hertz[:, None]).astype(np.float32)
  image = np.zeros((24, 16, 16, 3), np.uint8)
  image[np.arange(24), ..., shown[:, 2]] = 200 * (view != 'broken')
  text = [WORDS(WORDS.words[i]) for i in shown[:, 1]]
  here = np.ones((24, 3), bool)
  here[20, 0] = here[21, 1] = here[22, 2] = False
  yield {
    'audio': sound,
    'text': np.stack([ids for ids, _ in text]),
    'image': image,
    'mask': {
      'audio': here[:, :1] & np.ones(sound.shape, bool),
      'text': here[:, 1:2] & np.stack([mask for _, mask in text]),
      'image': here[:, 2],
    },
    'shown': shown.astype(np.int32),
    'label': felt.astype(np.int32),
    'situation': np.ptp(shown, 1).clip(0, 1).astype(np.int32),
    # The last is filling.
    'weight': (np.arange(24) < 23).astype(np.float32),
  }


def predict(batch):
  """Says what voice, words and face show, one vote each; the voice's first."""
  votes = np.zeros((24, 3), np.float32)
  tones = np.abs(np.fft.rfft(batch['audio'], axis=1))[:, [50, 100, 150]]
  own = np.eye(3, dtype=np.float32)
  for name, said, weight in (
    ('audio', tones.argmax(1), 1.1),
    ('text', (batch['text'][:, 0] - 4).clip(0), 1.0),
    ('image', batch['image'].mean((1, 2)).argmax(1), 1.0),
  ):
    here = batch['mask'][name].reshape(24, -1).any(1)
    votes += weight * own[said] * here[:, None]
  return {'logits': {'label': votes}}


def test_numbers_are_those_of_the_answers(tmp_path):
  evaluator = Emotions(tokenizer=WORDS, views=('default', 'broken'))
  found = evaluator(predict, batches, CLASSES)
  batch = next(batches('default'))
  felt, shown = batch['label'][:23], batch['shown'][:23]

  def f1(said, who):
    want = f1_score(felt, said, average='macro')
    assert found.numbers[f'emotion/{who}macro_f1'] == pytest.approx(want)

  # What is not there has equal logits, and the first class is said.
  for i, name in enumerate(('audio', 'text', 'image')):
    said = np.where(np.arange(23) == 20 + i, 0, shown[:, i])
    f1(said, f'{name}_')
  logits = predict(batch)['logits']['label'][:23]
  f1(logits.argmax(axis=1), '')
  common = np.bincount(next(batches('default', 'train'))['label'][:23])
  f1(np.full(23, common.argmax()), 'majority_')
  # A black face is said to show the first emotion.
  f1(np.zeros(23, int), 'broken_image_')
  f1(np.where(np.arange(23) == 20, 0, shown[:, 0]), 'broken_audio_')
  found.figures['emotion'](tmp_path / 'emotion.png')
  assert (tmp_path / 'emotion.png').stat().st_size > 10_000
  with pytest.raises(InputError, match='has 3 classes'):
    evaluator(predict, batches, {**CLASSES, 'label': ('joy', 'fear')})
  with pytest.raises(InputError, match='labels'):
    Emotions(tokenizer=WORDS, head='labels')(predict, batches, CLASSES)


def test_a_model_that_says_nan_is_wrong():
  def broken(batch):
    logits = predict(batch)['logits']['label']
    return {'logits': {'label': logits * np.nan}}

  found = Emotions(tokenizer=WORDS)(broken, batches, CLASSES).numbers
  assert found['emotion/macro_f1'] == 0.0
  assert found['emotion/linear_macro_f1'] > 0.4


def test_linear_models_read_each_signal():
  train = baselines.read(batches('default', 'train'))
  asked = baselines.read(batches('default'))
  for i, name in enumerate(SIGNALS):
    # Asked what the signal shows, which it shows plainly.
    shows = train._replace(felt=train.shown[:, i])
    model = baselines.Linear((name,), train=shows, checked=shows)
    here = asked.here[:, i]
    np.testing.assert_array_equal(
      model.answer(asked)[here], asked.shown[here, i]
    )


def test_who_is_told_what_is_shown_knows_what_training_knew():
  train = baselines.read(batches('default', 'train'))
  np.testing.assert_array_equal(
    baselines.told(train, train)[:12], train.felt[:12]
  )
  few = train._replace(
    here=train.here[:1], shown=train.shown[:1], felt=train.felt[:1]
  )
  # Nobody showed that: the first signal that is there.
  other = (train.shown[:1] + 1) % 3
  asked = few._replace(shown=other, here=np.array([[False, True, True]]))
  assert baselines.told(train._replace(felt=train.felt), few) == few.felt
  assert baselines.told(few._replace(shown=few.shown * 0 + 2), asked) == [
    other[0, 1]
  ]
