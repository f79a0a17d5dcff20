"""Tux Paint's stamps: pictures, descriptions in many languages, and speech.

952 pictures in 16 categories, described in about 60 languages and spoken in
13 (https://tuxpaint.org, GPL-2). The Debian package is read where it is
installed, decoded once, and cached.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from mmjax.data import audio, splits
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import stamps_cache, stamps_files, stamps_views
from mmjax.data.datasets.stamps_cache import Stamp
from mmjax.data.fitting import Letterbox
from mmjax.data.sources.records import Records
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.data.transforms import Resize, Transform
from mmjax.types import InputError

CATEGORIES = (
  'animals', 'clothes', 'food', 'hobbies', 'household', 'medical', 'military',
  'naturalforces', 'people', 'plants', 'seasonal', 'space', 'sports',
  'symbols', 'town', 'vehicles',
)  # fmt: skip
SPOKEN = (
  'be', 'bg', 'ca', 'da', 'el', 'en', 'es', 'fr', 'lt', 'ml', 'nl', 'ro', 'ru',
)  # fmt: skip
WRITTEN = (
  'en', 'en_GB', 'fr', 'de', 'es', 'it', 'nl', 'sv', 'pt', 'da', 'nb', 'ca',
  'ro', 'pl', 'cs',
)  # fmt: skip
_CANVAS = 128  # pictures are cached at least this large
VIEWS = ('default', 'languages', 'speech', 'unseen', 'seen')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stamps:
  """The data set.

  The split is fixed: by the MD5 of a stamp's path. Views:

    default: a row for each stamp: picture, English text, and speech in the
      alphabetically first language that has it. In training, some examples
      (see `default_rate`) show one other language of the stamp instead.
    languages: a row for each stamp and language of `written` that it is
      described in; 'group' is the stamp, over which to average.
    speech: a row for each stamp and language of `spoken` in which there are
      speech and text; equal texts of a language share their 'group'.
    unseen: those of them whose text no stamp of the training split has.
    seen: a quarter of the training split's rows of that kind, whatever the
      split that is asked for: how well it is known what was trained on.
  """

  root: str = '/usr/share/tuxpaint/stamps'
  """Folder of stamps, as the Debian package tuxpaint-stamps-default has it."""
  cache: str = '~/.cache/mmjax'
  """Folder for what is decoded once (about 300 MB)."""
  image_size: int = 64
  """Side of the pictures in pixels."""
  text_length: int = 96
  """Tokens of the text array, begin and end included."""
  audio_seconds: float = 3.0
  """Length of the audio array at 16 kHz; longer speech is cut."""
  tokenizer: Any = None
  """`text -> (ids [t], mask [t])`, such as `pretrained.TokensFor`; the bytes of
  the text if None."""
  resize: Any = None
  """What makes pictures equal in size at last, such as `pretrained.PixelsFor`;
  a square of `image_size` if None."""
  augment: tuple[Transform, ...] = ()
  """What happens to pictures in training, first to last."""
  default_rate: float = 0.25
  """Training only: share of examples as in evaluation, with English text."""
  speech_rate: float = 0.5
  """Training only: share of the others in a language that is spoken, too."""
  train_on: Literal['train', 'train_and_validation'] = 'train'
  """Whether 'train' leaves out 'validation', a seventh of it."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """Stop at files that cannot be read, or go without them."""
  categories: tuple[str, ...] = CATEGORIES
  """Names of the labels: the first folders under the root."""
  spoken: tuple[str, ...] = SPOKEN
  """Languages whose speech is used; their order is that of the labels."""
  written: tuple[str, ...] = WRITTEN
  """Languages of text in the view 'languages' and in training."""

  def __post_init__(self):
    if self.image_size < 1:
      raise InputError(f'image_size {self.image_size} is not at least 1')
    if self.audio_length < 1:
      raise InputError(
        f'audio_seconds {self.audio_seconds:g} is less than a sample'
      )
    for name in ('default_rate', 'speech_rate'):
      if not 0 <= getattr(self, name) <= 1:
        raise InputError(
          f'{name} {getattr(self, name)} is not a probability, 0 to 1'
        )
    ByteTokenizer(length=self.text_length)

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """Names of the categories and of the languages spoken."""
    return {'label': self.categories, 'language': self.spoken}

  def as_records(self, root: str = '') -> Records:
    """Others' pictures, on a white square, texts and sounds."""
    resize = self.resize or Resize(size=self.image_size)
    canvas = max(_CANVAS, self.image_size)
    names = 'image_size', 'text_length', 'audio_seconds', 'tokenizer'
    return Records(
      root=root,
      modalities=('image', 'text', 'audio'),
      resize=Letterbox(canvas=canvas, resize=resize),
      **{name: getattr(self, name) for name in names},
    )

  @property
  def audio_length(self) -> int:
    """Samples of the audio array."""
    return round(self.audio_seconds * audio.RATE)

  def check(self) -> None:
    """Looks whether the folder is there and holds stamps.

    Raises:
      InputError: it does not.
    """
    stamps_files.scan(self.root, categories=self.categories)

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Rows of a split; the first call decodes the folder into the cache.

    Raises:
      InputError: there is no such split or view, the folder is not there, no
        stamp falls into the split, or the cache cannot be written.
      RecordError: a file cannot be read and `on_error` is 'raise'.
    """
    check_name('split of stamps', split, SPLITS)
    check_name('view of stamps', view, VIEWS)
    if view == 'seen':
      split = 'train'
    directory = self.prepared()
    stamps = self._stamps(directory, split)
    if not stamps:
      raise InputError(f'no stamp of {self.root} falls into the split {split}')
    if view == 'default':
      rows = stamps_views.default_rows(stamps, self.spoken)
    elif view == 'languages':
      rows = stamps_views.language_rows(stamps, self.spoken, self.written)
    else:
      rows = list(stamps_views.speech_rows(stamps, self.spoken))
    if view == 'unseen':
      # None of 'validation' is unseen where it is trained on: let it not be.
      held = dataclasses.replace(self, train_on='train')
      known = (held if split == 'validation' else self)._stamps(
        directory, 'train'
      )
      rows = stamps_views.unknown(rows, dict(stamps), known)
    elif view == 'seen':
      rows = list(rows)[::4]
    return stamps_views.Rows(directory, _cached(split), view, list(rows))

  def _stamps(self, directory: str, split: str) -> list[tuple[int, Stamp]]:
    """Those of a split, with their places in the cache."""
    cached = stamps_cache.read_split(directory, _cached(split))
    return [
      (index, stamp)
      for index, stamp in enumerate(cached)
      if splits.is_in(split, stamp.name, train_on=self.train_on)
    ]

  def located(self, split: str) -> list[tuple[Example, Stamp]]:
    """The stamps of a split, each behind the arguments of `read_stamp` that
    give it: `directory`, `split` and `index`."""
    directory = self.prepared()
    place = {'directory': directory, 'split': _cached(split)}
    return [
      ({**place, 'index': index}, stamp)
      for index, stamp in self._stamps(directory, split)
    ]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """Arrays of one row.

    Returns:
      image uint8 [image_size image_size 3], or as `resize` says; text int32
      [text_length], or as `tokenizer` says; audio float32 [audio_length]; their
      masks; label int32; language int32, of the speech, -1 where there is none;
      pool, the same; group int32, equal where language and text are (or as the
      view says).
    """
    stamp, group = example['stamp'], example['group']
    written, spoken = example['text'], example['audio']
    if rng is not None and example['view'] == 'default':
      written, spoken = self._draw(stamp, (written, spoken), rng)
    text, text_mask = self._text(stamp, written)
    sound, sound_mask = audio.to_length(
      stamp.speech[spoken] if spoken else np.zeros(0, np.int16),
      self.audio_length,
    )
    language = np.int32(self.spoken.index(spoken) if spoken else -1)
    if group is None:
      # Where there is no text, nothing is equal to this stamp but itself.
      group = _hash(
        written or '', stamp.texts[written] if written else stamp.name
      )
    return {
      'image': self.picture(stamp, rng),
      'text': text,
      'audio': sound,
      'mask': {
        'image': np.bool_(stamp.image is not None),
        'text': text_mask,
        'audio': sound_mask,
      },
      'label': np.int32(self.categories.index(stamp.category)),
      'language': language,
      'group': np.int32(group),
      'pool': language,
    }

  def _draw(
    self,
    stamp: Stamp,
    default: tuple[str | None, str | None],
    rng: np.random.Generator,
  ) -> tuple[str | None, str | None]:
    """Languages of text and speech of one training example."""
    written = [language for language in self.written if language in stamp.texts]
    spoken = [language for language in self.spoken if language in stamp.speech]
    if not (written or spoken) or rng.random() < self.default_rate:
      return default
    # Few of the languages are spoken; drawn evenly, speech would be rare.
    in_speech = not written or (spoken and rng.random() < self.speech_rate)
    choices = spoken if in_speech else written
    language = choices[rng.integers(len(choices))]
    return (
      language if language in stamp.texts else None,
      language if language in spoken else None,
    )

  def _text(
    self, stamp: Stamp, language: str | None
  ) -> tuple[np.ndarray, np.ndarray]:
    tokenizer = self.tokenizer or ByteTokenizer(length=self.text_length)
    ids, mask = tokenizer(stamp.texts[language] if language else '')
    return (ids, mask) if language else (ids * 0, mask & False)

  def picture(
    self, stamp: Stamp, rng: np.random.Generator | None
  ) -> UInt8[np.ndarray, 'h w 3']:
    """A stamp's picture, augmented where `rng` is given; zeros for none."""
    resize = self.resize or Resize(size=self.image_size)
    if stamp.image is None:
      side = self.image_size
      return resize(np.zeros((side, side, 3), np.uint8), None)
    image = stamp.image
    if rng is not None:
      for transform in self.augment:
        image = transform(image, rng)
    return resize(image, None)

  def prepared(self) -> str:
    """Folder of the decoded stamps; tells what could not be decoded."""
    listing = stamps_files.scan(self.root, categories=self.categories)
    try:
      directory = stamps_cache.prepare(
        listing, cache=self.cache, canvas=max(_CANVAS, self.image_size)
      )
    except OSError as error:
      raise InputError(
        f'cannot keep the decoded stamps in {self.cache}: {error}: name '
        'another folder with --data.cache'
      ) from error
    stamps_cache.tell_errors(directory, listing.root, on_error=self.on_error)
    return directory


def _cached(split: str) -> str:
  return 'test' if split == 'test' else 'train'


def _hash(language: str, text: str) -> int:
  """31 bits: nearly always different where the strings are."""
  digest = hashlib.blake2b(f'{language}\0{text}'.encode(), digest_size=4)
  return int.from_bytes(digest.digest(), 'big') >> 1
