"""Speech from text, with the times of its sounds: the espeak-ng synthesiser.

The Debian package `espeak-ng` (https://github.com/espeak-ng/espeak-ng, GPL-3),
used where it is installed.
"""

import ctypes.util
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int16

from mmjax.types import InputError

_WORKER = Path(__file__).with_name('espeak_worker.py')


class Request(NamedTuple):
  """What is to be said, and how.

  Attributes:
    text: in the voice's language.
    voice: a name such as `en-us`, or with a variant `en-us+f2`.
    words_a_minute: how fast, 80 to 450.
    pitch: of the voice, 0 to 100.
    pitch_range: how much the pitch moves, 0 to 100; 0 is monotonous.
    volume: 0 to 200.
  """

  text: str
  voice: str = 'en-us'
  words_a_minute: int = 175
  pitch: int = 50
  pitch_range: int = 50
  volume: int = 100


class Phoneme(NamedTuple):
  """A sound.

  Attributes:
    start: in seconds.
    ipa: how it is written; empty for silence.
  """

  start: float
  ipa: str


class Word(NamedTuple):
  """A word that was said.

  Attributes:
    start: in seconds.
    end: when the next one begins, or a pause.
    text: as it was asked for.
  """

  start: float
  end: float
  text: str

  def later(self, seconds: float) -> 'Word':
    """The same at another time."""
    return Word(self.start + seconds, self.end + seconds, self.text)


class Speech(NamedTuple):
  """What was said.

  Attributes:
    samples: of `rate` a second.
    rate: in Hz.
    phonemes: in their order.
    words: in their order.
  """

  samples: Int16[np.ndarray, ' s']
  rate: int
  phonemes: tuple[Phoneme, ...]
  words: tuple[Word, ...]

  @property
  def seconds(self) -> float:
    """How long it takes."""
    return self.samples.size / self.rate


def find_library() -> str:
  """The synthesiser's shared library.

  Raises:
    InputError: it is not installed.
  """
  name = ctypes.util.find_library('espeak-ng')
  if name is None:
    raise InputError('espeak-ng is not installed: `apt-get install espeak-ng`')
  return name


def speak(requests: Sequence[Request]) -> list[Speech]:
  """Says several texts, one after the other.

  How one sounds depends a little on what the synthesiser said before. So all of
  them are said in a new process, and the same requests sound the same always.

  Raises:
    InputError: the synthesiser is not installed, or has no such voice.
  """
  told = json.dumps([r._asdict() for r in requests]).encode()
  run = subprocess.run(
    [sys.executable, '-I', str(_WORKER), find_library()],
    input=told,
    capture_output=True,
    check=False,
  )
  if run.returncode:
    raise InputError(run.stderr.decode(errors='replace').strip())
  stream, found = io.BytesIO(run.stdout), []
  for _ in requests:
    head = json.loads(stream.readline())
    samples = np.frombuffer(stream.read(head['bytes']), np.int16)
    phonemes = tuple(Phoneme(*p) for p in head['phonemes'])
    words = _words(head['words'], samples.size / head['rate'])
    found.append(Speech(samples, head['rate'], phonemes, words))
  return found


def _words(begins: Sequence[Sequence[Any]], seconds: float) -> tuple[Word, ...]:
  """Words from their beginnings, among which are pauses, without text."""
  ends = [start for start, _ in begins[1:]] + [seconds]
  return tuple(
    Word(start, end, text)
    for (start, text), end in zip(begins, ends, strict=True)
    if text
  )
