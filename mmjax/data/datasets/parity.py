"""A task whose answer is known: the label is the parity of all modalities.

Each modality shows one bit, drawn by chance, and the label is their exclusive
or. So one modality alone, or all but one, says nothing at all; and a sum of
what each says alone is right in three cases of four at most, because no sum of
functions of one bit each is the exclusive or (Perceptrons, Minsky and Papert,
1969). What solves it has fused.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError

MODALITIES = ('image', 'text', 'audio')
WORDS = (
  ('two', 'four', 'six', 'eight', 'ten'),
  ('one', 'three', 'five', 'seven', 'nine'),
)
TONES = (500.0, 1500.0)  # Hz
SAMPLE_RATE = 16_000
SIDE = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parity:
  """Generated examples, each a function of the seed and its row alone.

  The picture is bright on the left or on the right, the word is an even or an
  odd number, the tone is low or high; all of them under noise.
  """

  modalities: tuple[str, ...] = MODALITIES
  """Two or three of image, text and audio, in any order."""
  noise: float = 0.3
  """Standard deviation of the noise on pixels and samples; the difference of
  the halves and the amplitude of the tone are 1."""
  text_length: int = 8
  """Tokens of the text array, begin and end included."""
  audio_length: int = 1600
  """Samples of the audio array, at 16 kHz."""
  examples: Mapping[str, int] = dataclasses.field(
    default_factory=lambda: {'train': 8192, 'validation': 1024, 'test': 4096}
  )
  """Examples of each split."""
  seed: int = 0
  """Seed of all of them."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What to do with a record that cannot be read (there is none)."""

  def __post_init__(self):
    """Checks the fields."""
    for name in self.modalities:
      check_name('modality of parity', name, MODALITIES)
    if len(set(self.modalities)) != len(self.modalities):
      raise InputError(f'modalities {self.modalities} names one twice')
    if len(self.modalities) < 2:
      raise InputError(f'modalities {self.modalities} are fewer than two')
    if self.noise < 0:
      raise InputError(f'noise {self.noise} is negative')
    if self.text_length < 7:
      raise InputError(
        f'text_length {self.text_length} is less than 7, which seven takes'
      )

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """The parities."""
    return {'label': ('even', 'odd')}

  def check(self) -> None:
    """Nothing to look for."""

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """The numbers of each example's split and row."""
    check_name('split of parity', split, SPLITS)
    check_name('view of parity', view, ('default',))
    number = SPLITS.index(split)
    return [
      {'split': number, 'row': row} for row in range(self.examples[split])
    ]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One example, the same whenever it is met.

    Returns:
      image float32 [8 8 1] around 0 to 1; text int32 [text_length]; audio
      float32 [audio_length]; their masks, as far as `modalities` has them;
      label int32, the exclusive or of their bits.
    """
    del rng
    draw = np.random.default_rng((self.seed, example['split'], example['row']))
    bits = draw.integers(0, 2, len(MODALITIES)).tolist()
    # In this order, so that more modalities leave those before as they are.
    makers = {
      'image': self.picture, 'text': self.word, 'audio': self.tone
    }  # fmt: skip
    arrays, masks, label = {}, {}, 0
    for bit, (name, make) in zip(bits, makers.items(), strict=True):
      if name in self.modalities:
        arrays[name], masks[name] = make(bit, draw)
        label ^= bit
    return {**arrays, 'mask': masks, 'label': np.int32(label)}

  def picture(
    self, bit: int, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.bool_]:
    """Bright on the left (0) or on the right (1)."""
    image = rng.standard_normal((SIDE, SIDE, 1), np.float32)
    image *= np.float32(self.noise)
    half = slice(None, SIDE // 2) if bit == 0 else slice(SIDE // 2, None)
    image[:, half] += 1
    return image, np.True_

  def word(
    self, bit: int, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray]:
    """An even (0) or an odd number (1)."""
    words = WORDS[bit]
    return ByteTokenizer(length=self.text_length)(
      words[rng.integers(len(words))]
    )

  def tone(
    self, bit: int, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray]:
    """A low (0) or a high tone (1), of random phase."""
    angle = np.arange(self.audio_length) * (2 * np.pi * TONES[bit])
    wave = np.sin(angle / SAMPLE_RATE + rng.uniform(0, 2 * np.pi))
    noise = rng.standard_normal(self.audio_length) * self.noise
    audio = (0.1 * (wave + noise)).astype(np.float32)
    return audio, np.ones(audio.shape, bool)
