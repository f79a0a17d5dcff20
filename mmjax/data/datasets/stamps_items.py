"""What may be asked of a stamp: a caption, a translation, an answer."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from mmjax.data.datasets.stamps import SPOKEN, WRITTEN
from mmjax.data.datasets.stamps_cache import Stamp

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
    kind: what is told apart when answers are scored; one of the task's `kinds`,
      or none.
  """

  answer: str
  prompt: str = ''
  source: str = ''
  picture: bool = True
  speech: str | None = None
  kind: str | None = None


@runtime_checkable
class Task(Protocol):
  """Which texts are to be written about a stamp."""

  @property
  def kinds(self) -> Sequence[str]:
    """Names of what is told apart when texts are scored."""
    ...

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

  @property
  def prompts(self) -> Mapping[str, str]:
    """What asks for each language."""
    return {name: f'{name}: ' for name in self.languages}

  @property
  def kinds(self) -> Sequence[str]:
    """The languages that are scored."""
    return self.scored

  def training(self, stamp: Stamp) -> Sequence[Item]:
    """One for each language that the stamp is described in."""
    return self._items(stamp, self.languages)

  def evaluation(self, stamp: Stamp) -> Sequence[Item]:
    """The same, of the languages that are scored."""
    return self._items(stamp, self.scored)

  def _items(self, stamp: Stamp, languages: Sequence[str]) -> list[Item]:
    if stamp.image is None:
      return []
    return [
      Item(
        stamp.texts[name],
        prompt=self.prompts[name],
        kind=name if name in self.scored else None,
      )
      for name in languages
      if name in stamp.texts
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Translations:
  """A description in another language than the one that is read."""

  languages: tuple[str, ...] = WRITTEN
  """Those of training, each into each."""
  sources: tuple[str, ...] | None = None
  """Those of them that training reads; all if None."""
  scored: tuple[str, ...] = ('fr', 'de', 'es', 'nl', 'ca')
  """Those that English is translated into in evaluation."""

  @property
  def kinds(self) -> Sequence[str]:
    """The languages that are scored."""
    return self.scored

  def training(self, stamp: Stamp) -> Sequence[Item]:
    """Every pair of languages that the stamp is described in."""
    sources = self.languages if self.sources is None else self.sources
    return [
      self._item(stamp, a, b)
      for a, b in itertools.product(sources, self.languages)
      if a != b and _has(stamp, a, b)
    ]

  def evaluation(self, stamp: Stamp) -> Sequence[Item]:
    """From English."""
    return [
      self._item(stamp, 'en', b) for b in self.scored if _has(stamp, 'en', b)
    ]

  def _item(self, stamp: Stamp, source: str, target: str) -> Item:
    return Item(
      stamp.texts[target],
      prompt=f'{target}: ',
      source=stamp.texts[source],
      kind=target if target in self.scored else None,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Questions:
  """Answers to questions about a stamp's category, name, voice and picture."""

  names: tuple[str, ...] = ('fr', 'de', 'es')
  """Languages in which it is asked how something is called."""

  @property
  def kinds(self) -> Sequence[str]:
    """What is asked for; a name in another language is a kind of its own."""
    return (
      'category',
      'picture',
      'language',
      'name',
      *(f'name_{language}' for language in self.names),
    )

  def training(self, stamp: Stamp) -> Sequence[Item]:
    """Every question that the stamp has an answer to."""
    asked = 'Which category is it?'
    items = [Item(stamp.category, source=asked, kind='category')]
    if stamp.image is not None:
      asked = 'Is there a picture?'
      yes = Item('yes', source=asked, kind='picture')
      items += [yes, yes._replace(answer='no', picture=False)]
    if 'en' in stamp.texts:
      asked = 'What is it?'
      items.append(Item(stamp.texts['en'], source=asked, kind='name'))
    for language in self.names:
      if _has(stamp, 'en', language):
        asked = f'How is it called in {LANGUAGES[language]}?'
        kind = f'name_{language}'
        items.append(Item(stamp.texts[language], source=asked, kind=kind))
    # By ear alone: the picture says nothing of it.
    asked = 'Which language is spoken?'
    heard = Item('', source=asked, picture=False, kind='language')
    items += [
      heard._replace(answer=LANGUAGES[language], speech=language)
      for language in stamp.speech
      if language in SPOKEN
    ]
    return items

  evaluation = training


def _has(stamp: Stamp, *languages: str) -> bool:
  return all(name in stamp.texts for name in languages)
