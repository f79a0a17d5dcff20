"""What was said for a data set, kept in files."""

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int16

from mmjax.data import audio, espeak
from mmjax.data.espeak import Phoneme, Request, Word
from mmjax.types import InputError

_TOGETHER = 100  # sentences that one process says
_FORMAT = 2  # of the files: another one for every change


class Said(NamedTuple):
  """A sentence.

  Attributes:
    samples: at 16 kHz.
    phonemes: its sounds and their times.
    words: the same of its words.
  """

  samples: Int16[np.ndarray, ' s']
  phonemes: tuple[Phoneme, ...]
  words: tuple[Word, ...]

  @property
  def seconds(self) -> float:
    """How long it takes."""
    return self.samples.size / audio.RATE


class Sentences(NamedTuple):
  """All of a cache.

  Attributes:
    samples: one sentence behind the other, at 16 kHz.
    ends: where each ends.
    phonemes: of each.
    words: of each.
  """

  samples: Int16[np.ndarray, ' s']
  ends: Sequence[int]
  phonemes: Sequence[tuple[Phoneme, ...]]
  words: Sequence[tuple[Word, ...]]


def prepare(
  requests: Sequence[Request],
  *,
  cache: str,
  kind: str,
  option: str = '--data.cache',
) -> str:
  """Says what is not in the cache yet; returns the folder.

  Args:
    requests: all of a split.
    cache: folder to write under.
    kind: folder in it.
    option: that which names the folder, for the error.

  Raises:
    InputError: the synthesiser is not installed, or the cache cannot be
      written.
  """
  told = json.dumps([_FORMAT, [_name(request) for request in requests]])
  digest = hashlib.sha256(told.encode()).hexdigest()[:16]
  folder = Path(cache).expanduser() / kind / digest
  if folder.exists():
    return str(folder)
  espeak.find_library()
  part = folder.with_name(f'{digest}.{os.getpid()}')
  try:
    part.mkdir(parents=True, exist_ok=True)
    _write(requests, part)
    # Another process may have been faster.
    if not folder.exists():
      part.rename(folder)
  except OSError as error:
    raise InputError(
      f'cannot keep what is said in {cache}: {error}: name another folder with '
      f'{option}'
    ) from error
  finally:
    shutil.rmtree(part, ignore_errors=True)
  return str(folder)


def read(folder: str, index: int) -> Said:
  """One sentence."""
  whole = _open(folder)
  start = whole.ends[index - 1] if index else 0
  samples = np.array(whole.samples[start : whole.ends[index]])
  return Said(samples, whole.phonemes[index], whole.words[index])


def _name(request: Request) -> Sequence[str | int]:
  """What tells a request from others; voices that are kept keep theirs."""
  usual = Request(*request[:4])
  return request[:4] if request == usual else request


def _write(requests: Sequence[Request], folder: Path) -> None:
  parts = [
    requests[i : i + _TOGETHER] for i in range(0, len(requests), _TOGETHER)
  ]
  ends, phonemes, words, total = [], [], [], 0
  with (
    ThreadPoolExecutor(os.cpu_count()) as pool,
    (folder / 'samples').open('wb') as file,
  ):
    for spoken in pool.map(espeak.speak, parts):
      for speech in spoken:
        x = (speech.samples / 32768).astype(np.float32)
        samples = audio.to_int16(audio.resample(x, speech.rate))
        file.write(samples.tobytes())
        total += samples.size
        ends.append(total)
        phonemes.append(speech.phonemes)
        words.append(speech.words)
  told = json.dumps({'ends': ends, 'phonemes': phonemes, 'words': words})
  (folder / 'sentences.json').write_text(told)


@functools.lru_cache(maxsize=4)
def _open(folder: str) -> Sentences:
  told = json.loads((Path(folder) / 'sentences.json').read_text())
  samples = np.memmap(Path(folder) / 'samples', np.int16, 'r')
  phonemes = [tuple(Phoneme(*p) for p in row) for row in told['phonemes']]
  words = [tuple(Word(*w) for w in row) for row in told['words']]
  return Sentences(samples, told['ends'], phonemes, words)
