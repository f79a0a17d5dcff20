"""Texts to write about Tux Paint's stamps: captions, translations, answers."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

from mmjax.data import audio, splits
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import stamps_cache
from mmjax.data.datasets.stamps import SPOKEN, WRITTEN, Stamps
from mmjax.data.datasets.stamps_cache import Stamp
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError

LANGUAGES = {
  'be': 'Belarusian', 'bg': 'Bulgarian', 'ca': 'Catalan', 'cs': 'Czech',
  'da': 'Danish', 'de': 'German', 'el': 'Greek', 'en': 'English',
  'en_GB': 'British English', 'es': 'Spanish', 'fr': 'French',
  'it': 'Italian', 'lt': 'Lithuanian', 'ml': 'Malayalam', 'nb': 'Norwegian',
  'nl': 'Dutch', 'pl': 'Polish', 'pt': 'Portuguese', 'ro': 'Romanian',
  'ru': 'Russian', 'sv': 'Swedish',
}  # fmt: skip


class Item(NamedTuple):
  """One text to write about a stamp.

  Attributes:
    answer: the text.
    prompt: what is written before it and given.
    source: a text to read, or none.
    picture: whether the picture is shown.
    speech: language of the speech that is heard, or none.
  """

  answer: str
  prompt: str = ''
  source: str = ''
  picture: bool = True
  speech: str | None = None


@runtime_checkable
class Task(Protocol):
  """Which texts are to be written about a stamp."""

  def training(self, stamp: Stamp) -> Sequence[Item]:
    """Those of which training draws one."""
    ...

  def evaluation(self, stamp: Stamp) -> Sequence[Item]:
    """Those that are scored."""
    ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Captions:
  """A description in the language that the prompt names, from the picture."""

  languages: tuple[str, ...] = WRITTEN
  """Those asked for in training."""
  scored: tuple[str, ...] = ('en', 'fr', 'de', 'es')
  """Those asked for in evaluation."""

  def training(self, stamp: Stamp) -> Sequence[Item]:
    """One for each language that the stamp is described in."""
    return _captions(stamp, self.languages)

  def evaluation(self, stamp: Stamp) -> Sequence[Item]:
    """The same, of the languages that are scored."""
    return _captions(stamp, self.scored)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Translations:
  """A description in another language than the one that is read."""

  languages: tuple[str, ...] = WRITTEN
  """Those of training, each into each."""
  scored: tuple[str, ...] = ('fr', 'de', 'es', 'nl', 'ca')
  """Those that English is translated into in evaluation."""

  def training(self, stamp: Stamp) -> Sequence[Item]:
    """Every pair of languages that the stamp is described in."""
    pairs = itertools.permutations(self.languages, 2)
    return [_translation(stamp, a, b) for a, b in pairs if _has(stamp, a, b)]

  def evaluation(self, stamp: Stamp) -> Sequence[Item]:
    """From English."""
    return [
      _translation(stamp, 'en', b) for b in self.scored if _has(stamp, 'en', b)
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Questions:
  """Answers to questions about a stamp's category, name, voice and picture."""

  names: tuple[str, ...] = ('fr', 'de', 'es')
  """Languages in which it is asked how something is called."""

  def training(self, stamp: Stamp) -> Sequence[Item]:
    """Every question that the stamp has an answer to."""
    category = stamp.category
    items = [Item(category, source='Which category is it?')]
    if stamp.image is not None:
      asked = 'Is there a picture?'
      items.append(Item('yes', source=asked))
      items.append(Item('no', source=asked, picture=False))
    if 'en' in stamp.texts:
      items.append(Item(stamp.texts['en'], source='What is it?'))
    for language in self.names:
      if _has(stamp, 'en', language):
        asked = f'How is it called in {LANGUAGES[language]}?'
        items.append(Item(stamp.texts[language], source=asked))
    spoken = [name for name in stamp.speech if name in SPOKEN]
    for language in spoken:
      asked = 'Which language is spoken?'
      # By ear alone: the picture says nothing of it.
      items.append(
        Item(LANGUAGES[language], source=asked, picture=False, speech=language)
      )
    return items

  evaluation = training


@dataclasses.dataclass(frozen=True, kw_only=True)
class StampsTasks:
  """The data set: in training an item of a stamp is drawn, else each is a row.

  The split is that of the stamps. The only view is 'default'.
  """

  stamps: Stamps = Stamps()
  """Where they are, and how their pictures and sounds become arrays."""
  task: Task = Captions()
  """Captions, Translations or Questions."""
  source_length: int = 96
  """Tokens of what is read, begin and end included: bytes."""
  text_length: int = 96
  """Tokens of what is written."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What the stamps do with files that cannot be read is theirs to say."""

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """There are none."""
    return {}

  def check(self) -> None:
    """Looks whether the folder is there and holds stamps.

    Raises:
      InputError: it does not.
    """
    self.stamps.check()

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Rows of a split.

    Raises:
      InputError: there is no such split or view, or nothing to write.
    """
    check_name('split of stamps', split, SPLITS)
    check_name('view of stamps', view, ('default',))
    directory = self.stamps.prepared()
    cached = 'test' if split == 'test' else 'train'
    rows = []
    for index, stamp in enumerate(stamps_cache.read_split(directory, cached)):
      if not splits.is_in(split, stamp.name, train_on=self.stamps.train_on):
        continue
      row = {'directory': directory, 'split': cached, 'index': index}
      items = self.task.evaluation(stamp)
      if split != 'train':
        rows += [{**row, 'item': item} for item in items]
      elif self.task.training(stamp):
        rows.append({**row, 'item': None})
    if not rows:
      raise InputError(f'no stamp of the split {split} has a text to write')
    return rows

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """Arrays of one item.

    Returns:
      image uint8 [image_size image_size 3]; audio float32 [audio_length];
      source int32 [source_length]; text int32 [text_length], the prompt and the
      answer; their masks; answer bool [text_length], which of the text is it.
    """
    place = (example['directory'], example['split'], example['index'])
    stamp = stamps_cache.read_stamp(*place)
    item = example['item']
    if item is None:
      items = self.task.training(stamp)
      item = items[0 if rng is None else int(rng.integers(len(items)))]
    source, source_mask = ByteTokenizer(length=self.source_length)(item.source)
    tokenizer = ByteTokenizer(length=self.text_length)
    text, mask = tokenizer(item.prompt + item.answer)
    # Behind `begin` and the bytes of the prompt.
    given = tokenizer(item.prompt)[1].sum() - 1
    speech = np.zeros(0, np.int16)
    if item.speech is not None:
      speech = stamp.speech[item.speech]
    sound, sound_mask = audio.to_length(speech, self.stamps.audio_length)
    return {
      'image': self.stamps.picture(stamp, rng),
      'audio': sound,
      'source': source,
      'text': text,
      'mask': {
        'image': np.bool_(item.picture and stamp.image is not None),
        'audio': sound_mask,
        'source': source_mask & bool(item.source),
        'text': mask,
      },
      'answer': mask & (np.arange(mask.size) >= given),
    }


def _captions(stamp: Stamp, languages: Sequence[str]) -> list[Item]:
  if stamp.image is None:
    return []
  return [
    Item(stamp.texts[name], prompt=f'{name}: ')
    for name in languages
    if name in stamp.texts
  ]


def _translation(stamp: Stamp, source: str, target: str) -> Item:
  return Item(
    stamp.texts[target], prompt=f'{target}: ', source=stamp.texts[source]
  )


def _has(stamp: Stamp, *languages: str) -> bool:
  return all(name in stamp.texts for name in languages)
