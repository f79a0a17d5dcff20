"""Windows cut out of running speech, for the data set `Talking`."""

from collections.abc import Callable, Sequence

import numpy as np

from mmjax.data import audio
from mmjax.data.espeak import Phoneme
from mmjax.data.spoken import Said

_PAUSE = 0.4  # seconds between two sentences, at most
_HEARD = 0.02  # seconds of a word that nobody misses


def excerpt(
  read: Callable[[int], Said],
  index: int,
  *,
  count: int,
  seconds: float,
  rng: np.random.Generator,
) -> Said:
  """A window whose middle is some moment of a sentence between two others.

  What hears a long clip in windows hears sentences without their beginning,
  without their end, and two in one.

  Args:
    read: gives a sentence by its number.
    index: number of the sentence.
    count: how many there are; two of them stand beside it.
    seconds: of the window.
    rng: of the two, the pauses and the moment.
  """
  before, after = (read(int(i)) for i in rng.integers(count, size=2))
  middle = read(index)
  pauses = rng.uniform(0, _PAUSE, 2).tolist()
  said = join([before, middle, after], pauses)
  moment = before.seconds + pauses[0] + rng.uniform(0, middle.seconds)
  return window(said, moment - seconds / 2, seconds)


def join(parts: Sequence[Said], pauses: Sequence[float]) -> Said:
  """Sentences one behind the other, with so many seconds between two."""
  samples, phonemes, words, now = [], [], [], 0
  for part, pause in zip(parts, [*pauses, 0.0], strict=True):
    begin = now / audio.RATE
    silence = np.zeros(round(pause * audio.RATE), np.int16)
    samples += [part.samples, silence]
    phonemes += [Phoneme(begin + p.start, p.ipa) for p in part.phonemes]
    phonemes.append(Phoneme(begin + part.seconds, ''))
    words += [w.later(begin) for w in part.words]
    now += part.samples.size + silence.size
  return Said(np.concatenate(samples), tuple(phonemes), tuple(words))


def window(said: Said, start: float, seconds: float) -> Said:
  """What is heard from some time on, and the words of which all is heard."""
  first = max(0, round(start * audio.RATE))
  samples = said.samples[first : first + round(seconds * audio.RATE)]
  start = first / audio.RATE
  end = start + samples.size / audio.RATE
  words = [
    word.later(-start)
    for word in said.words
    if word.start >= start - _HEARD and word.end <= end + _HEARD
  ]
  ends = [p.start for p in said.phonemes[1:]] + [said.seconds]
  phonemes = [
    Phoneme(max(0.0, sound.start - start), sound.ipa)
    for sound, until in zip(said.phonemes, ends, strict=True)
    if until > start and sound.start < end
  ]
  return Said(samples, tuple(phonemes), tuple(words))
