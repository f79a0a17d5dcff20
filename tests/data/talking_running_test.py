"""Windows of running speech hold the sound, the sounds and the words of it."""

import numpy as np
import pytest

from mmjax.data import audio
from mmjax.data.datasets import talking_running
from mmjax.data.datasets.talking import Talking
from mmjax.data.espeak import Phoneme, Word
from mmjax.data.spoken import Said
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError

EDGE = round(0.02 * audio.RATE) + 1


def sentence(number):
  """Three words, whose samples hold their number."""
  rng = np.random.default_rng(number)
  lengths = rng.integers(2000, 9000, 3)
  ids = 10 * number + np.arange(1, 4)
  ends = np.cumsum(lengths) / audio.RATE
  starts = [0.0, *ends[:-1].tolist()]
  return Said(
    np.repeat(ids, lengths).astype(np.int16),
    tuple(Phoneme(s, str(i)) for s, i in zip(starts, ids, strict=True)),
    tuple(
      Word(s, e, str(i))
      for s, e, i in zip(starts, ends.tolist(), ids, strict=True)
    ),
  )


def value_at(said, seconds):
  return int(said.samples[round(seconds * audio.RATE)])


def test_sentences_follow_each_other_in_time():
  parts = [sentence(i) for i in (3, 1, 2)]
  found = talking_running.join(parts, [0.25, 0.0])
  pause = round(0.25 * audio.RATE)
  assert found.samples.size == sum(p.samples.size for p in parts) + pause
  assert [w.text for w in found.words] == [
    w.text for part in parts for w in part.words
  ]
  for word in found.words:
    middle = (word.start + word.end) / 2
    assert value_at(found, middle) == int(word.text)
  starts = [p.start for p in found.phonemes]
  assert starts == sorted(starts)
  assert not found.samples[parts[0].samples.size :][:pause].any()
  silence = next(p for p in found.phonemes if not p.ipa)
  assert silence.start == pytest.approx(parts[0].seconds)


def test_an_excerpt_has_the_words_of_which_all_is_heard():
  sizes = {}
  for said in map(sentence, range(5)):
    values, counts = np.unique(said.samples, return_counts=True)
    sizes |= dict(zip(values.tolist(), counts.tolist(), strict=True))
  beginnings, numbers = set(), set()
  for seed in range(80):
    rng = np.random.default_rng(seed)
    found = talking_running.excerpt(sentence, 4, count=4, seconds=0.8, rng=rng)
    assert found.samples.size <= round(0.8 * audio.RATE)
    values, counts = np.unique(
      found.samples[found.samples > 0], return_counts=True
    )
    heard = dict(zip(values.tolist(), counts.tolist(), strict=True))
    said = [int(w.text) for w in found.words]
    if len(set(said)) < len(said):
      continue  # one sentence twice
    for value, count in heard.items():
      missing = sizes[value] - count
      if missing <= 0:
        assert value in said
      elif missing > 2 * EDGE:
        assert value not in said
    assert set(said) <= set(heard)
    for word in found.words:
      assert value_at(found, (word.start + word.end) / 2) == int(word.text)
    # Lips move from the beginning on, by what is heard there.
    starts = [p.start for p in found.phonemes]
    assert starts[0] == 0
    assert starts == sorted(starts)
    first = found.samples[found.samples > 0][0]
    assert found.phonemes[0].ipa in ('', str(first))
    numbers |= {value // 10 for value in heard}
    beginnings.add(said[0] % 10 if said else None)
  # It begins within sentences, and others than this one are heard in it.
  assert {1, 2, 3} <= beginnings
  assert {0, 1, 2, 3, 4} <= numbers


def test_training_hears_running_speech_and_evaluation_does_not(tmp_path):
  data = Talking(
    cache=str(tmp_path), sentences=12, evaluated=4, size=4, running=1.0
  )
  try:
    data.check()
  except InputError as error:
    pytest.skip(str(error))
  rows = data.source('train')
  texts = {row['text'] for row in rows}
  whole = ' '.join(sorted(texts))
  parts = 0
  for i, row in enumerate(rows):
    made = data.prepare(row, np.random.default_rng(i))
    text = ByteTokenizer().decode(made['text'][made['mask']['text']])
    assert text
    parts += text not in texts
    assert set(text.split()) <= set(whole.split())
    seconds = made['mask']['audio'].sum() / audio.RATE
    assert 1.0 < seconds <= data.audio_seconds
    assert abs(seconds - made['mask']['video'].sum() / 25) <= 0.04
  assert parts > len(rows) / 2
  row = data.source('test')[0]
  made = data.prepare(row, None)
  assert ByteTokenizer().decode(made['text']) == row['text']


def test_what_is_no_share_is_refused():
  with pytest.raises(InputError, match='running 1.5 is not in 0 to 1'):
    Talking(running=1.5)
