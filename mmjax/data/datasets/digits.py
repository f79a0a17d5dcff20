"""Handwritten digits, their English words and their telephone tones.

The embedded default: nothing is downloaded. The pictures are the 1,797 of
scikit-learn (https://archive.ics.uci.edu/dataset/80), the tones those of
ITU-T Q.23 (DTMF), synthesised. Each modality is corrupted on its own, so that
one alone is right in six cases out of seven and the three together nearly
always.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Literal

import numpy as np
from jaxtyping import Int, UInt8

from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.fitting import Ink
from mmjax.data.sources.records import Records
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError

WORDS = (
  'zero', 'one', 'two', 'three', 'four',
  'five', 'six', 'seven', 'eight', 'nine',
)  # fmt: skip
SAMPLE_RATE = 16_000
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477)  # Hz, rows and columns
_KEYS = '123456789*0#'
_LETTERS = np.frombuffer(b'abcdefghijklmnopqrstuvwxyz', np.uint8)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Digits:
  """The data set; its fields say how strongly each modality is corrupted.

  Training draws new corruption whenever it meets an example. In evaluation an
  example's corruption is a function of its row among the 1,797 alone.
  """

  image_noise: float = 0.38
  """Standard deviation of the noise on each pixel; full ink is 1."""
  typos: float = 0.45
  """Probability that a letter is lost (one case in four) or replaced."""
  snr: tuple[float, float] = (-25.0, 0.0)
  """Lowest and highest level of the tones, dB relative to the noise."""
  duration: tuple[float, float] = (0.1, 0.2)
  """Shortest and longest tone, seconds."""
  missing: float = 0.0
  """Training only: probability that an example lacks a modality (never all)."""
  text_length: int = 12
  """Tokens of the text array, begin and end included."""
  audio_length: int = 4096
  """Samples of the audio array, at 16 kHz."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What to do with a record that cannot be read (digits has none)."""

  def __post_init__(self):
    for name in ('typos', 'missing'):
      value = getattr(self, name)
      if not 0 <= value <= 1:
        raise InputError(f'{name} {value} is not a probability, 0 to 1')
    if self.image_noise < 0:
      raise InputError(f'image_noise {self.image_noise} is negative')
    for name in ('snr', 'duration'):
      low, high = getattr(self, name)
      if low > high:
        raise InputError(f'{name} {low:g} {high:g} does not rise')
    if self.duration[0] <= 0:
      raise InputError(f'duration {self.duration[0]:g} is not above 0')
    longest = round(self.duration[1] * SAMPLE_RATE)
    if longest > self.audio_length:
      raise InputError(
        f'duration {self.duration[1]:g} s is {longest} samples, more than '
        f'audio_length {self.audio_length}'
      )
    if self.text_length < 7:
      raise InputError(
        f'text_length {self.text_length} is less than 7, which seven takes'
      )

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """The words, by the digit they stand for."""
    return {'label': WORDS}

  def as_records(self, root: str = '') -> Records:
    """Others' digits in black on white, words and tones; no noise is added."""
    return Records(
      root=root,
      modalities=('image', 'text', 'audio'),
      image_size=8,
      text_length=self.text_length,
      audio_seconds=self.audio_length / SAMPLE_RATE,
      resize=Ink(size=8),
    )

  def check(self) -> None:
    """Nothing to look for: the data came with scikit-learn."""

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Clean picture, digit and row among the 1,797 of each example."""
    check_name('split of digits', split, SPLITS)
    check_name('view of digits', view, ('default',))
    return _examples()[split]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One example, corrupted.

    Returns:
      image uint8 [8 8 1]; text int32 [text_length]; audio float32
      [audio_length]; their masks; label and group int32, both the digit.
    """
    corrupt = np.random.default_rng((0, example['row'])) if rng is None else rng
    label = np.int32(example['label'])
    text, text_mask = ByteTokenizer(length=self.text_length)(
      self.misspell(WORDS[label], corrupt)
    )
    audio, audio_mask = self.dial(int(label), corrupt)
    mask = {'image': np.True_, 'text': text_mask, 'audio': audio_mask}
    if rng is not None and self.missing:
      mask = _drop(mask, self.missing, rng)
    return {
      'image': self.smudge(example['image'], corrupt),
      'text': text,
      'audio': audio,
      'mask': mask,
      'label': label,
      'group': label,
    }

  def smudge(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture with noise on it, uint8 [8 8 1] from ink 0 to 16."""
    noise = rng.standard_normal(image.shape, np.float32)
    ink = image * np.float32(1 / 16) + np.float32(self.image_noise) * noise
    return np.clip(np.rint(ink * 255), 0, 255).astype(np.uint8)

  def misspell(self, word: str, rng: np.random.Generator) -> str:
    """The word with letters lost or replaced."""
    letters = np.frombuffer(word.encode(), np.uint8)
    draw = rng.random(letters.size)
    random = _LETTERS[rng.integers(0, 26, letters.size)]
    letters = np.where(draw < self.typos, random, letters)
    return letters[draw >= self.typos / 4].tobytes().decode()

  def dial(
    self, digit: int, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray]:
    """The tone of a key under noise, and which samples are real."""
    key = _KEYS.index(str(digit))
    size = round(rng.uniform(*self.duration) * SAMPLE_RATE)
    # The power of two tones of this amplitude; that of the noise is 1.
    level = 10 ** (rng.uniform(*self.snr) / 20)
    gain = 0.1 * 10 ** rng.uniform(-0.5, 0.5)  # 20 dB from quiet to loud
    sound = rng.standard_normal(size, np.float32)
    for i, phase in zip(
      (key // 3, len(LOW) + key % 3), rng.uniform(0, 2 * np.pi, 2), strict=True
    ):
      cos, sin = _waves(self.audio_length)
      sound += np.float32(level * np.cos(phase)) * cos[i, :size]
      sound += np.float32(level * np.sin(phase)) * sin[i, :size]
    audio = np.zeros(self.audio_length, np.float32)
    audio[:size] = sound * np.float32(gain)
    return audio, np.arange(self.audio_length) < size


@functools.cache
def _waves(length: int) -> tuple[np.ndarray, np.ndarray]:
  """Cosine and sine of each of the seven frequencies."""
  angle = np.outer(LOW + HIGH, np.arange(length)) * (2 * np.pi / SAMPLE_RATE)
  return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def _read() -> tuple[UInt8[np.ndarray, 'n 64'], Int[np.ndarray, ' n']]:
  """What `sklearn.datasets.load_digits` reads, pixels from 0 to 16.

  Importing it takes longer than anything else before the first step.
  """
  home = metadata.distribution('scikit-learn')
  file = home.locate_file('sklearn/datasets/data/digits.csv.gz')
  # A row is the 64 pixels of a picture, and its digit.
  table = np.loadtxt(str(file), np.uint8, delimiter=',')
  return table[:, :-1], table[:, -1].astype(int)


@functools.cache
def _examples() -> Mapping[str, Sequence[Example]]:
  """Fixed splits, each with an even share of every digit."""
  images, labels = _read()
  # Numpy never changes what the old generator draws. Every fifth of the rows
  # grouped by digit is test, every tenth of the others validation.
  rows = np.random.RandomState(0).permutation(len(labels))
  rows = rows[np.argsort(labels[rows], kind='stable')]
  test, rest = rows[::5], np.delete(rows, np.s_[::5])
  validation, train = rest[::10], np.delete(rest, np.s_[::10])
  rows_of = {'train': train, 'validation': validation, 'test': test}
  return {
    split: [
      {
        'image': images[row].reshape(8, 8, 1),
        'label': int(labels[row]),
        'row': int(row),
      }
      for row in np.sort(rows)
    ]
    for split, rows in rows_of.items()
  }


def _drop(mask: Example, rate: float, rng: np.random.Generator) -> Example:
  """Makes modalities absent, but never all."""
  gone = rng.random(len(mask)) < rate
  if gone.all():
    gone[rng.integers(len(mask))] = False
  return {
    name: np.zeros_like(m) if g else m
    for g, (name, m) in zip(gone, mask.items(), strict=True)
  }
