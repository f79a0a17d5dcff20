"""What a text would be by no skill at all: baselines for those that answer."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from mmjax.data import splits
from mmjax.data.datasets import stamps_cache
from mmjax.data.datasets.packages import Packages
from mmjax.data.datasets.passages import Passages
from mmjax.data.datasets.stamps import Stamps
from mmjax.data.datasets.stamps_tasks import StampsTasks
from mmjax.data.datasets.talking import Talking


class Text(NamedTuple):
  """A text to write.

  Attributes:
    right: the text.
    asked: what tells one kind of text from another, such as a question.
    read: what there is to read.
    among: texts of which it is one, where there are some; one of each line that
      there is to read.
    question: as it is asked.
  """

  right: str
  asked: str = ''
  read: str = ''
  among: Sequence[str] = ()
  question: str = ''


Guess = Callable[[Sequence[Text], Sequence[Text]], Sequence[str]]
"""`(texts of training, texts to write) -> guesses`."""


def texts(data: Any, split: str, view: str) -> list[Text]:
  """The texts of a split, without decoding any picture or sound."""
  match data:
    case StampsTasks():
      return _stamps_tasks(data, split)
    case Packages():
      found = [row['package'] for row in data.source(split, view)]
      return [Text(p.line, read=p.description) for p in found]
    case Passages():
      asked = [data.ask(row, None) for row in data.source(split, view)]
      return [
        Text(x.answer, x.kind, x.passage, x.values, x.question) for x in asked
      ]
    case Talking():
      return [Text(row['text']) for row in data.source(split, view)]
    case Stamps():
      view = view if split == 'test' else 'speech'
      rows = data.source(split, view)
      return [
        Text(row['stamp'].texts[row['text']], asked=row['text']) for row in rows
      ]
  raise TypeError(f'{type(data).__name__} has no texts that are known here')


def most_frequent(known: Sequence[Text], wanted: Sequence[Text]) -> list[str]:
  """The commonest one of its kind in training."""
  counts: dict[str, Counter] = defaultdict(Counter)
  for text in known:
    counts[text.asked][text.right] += 1
  return [counts[text.asked].most_common(1)[0][0] for text in wanted]


def commonest_words(known: Sequence[Text], wanted: Sequence[Text]) -> list[str]:
  """The commonest word of each place, of texts that are equally long."""
  places = zip(*(text.right.split() for text in known), strict=True)
  said = ' '.join(Counter(place).most_common(1)[0][0] for place in places)
  return [said] * len(wanted)


def copy(known: Sequence[Text], wanted: Sequence[Text]) -> list[str]:
  """What is read, as it is."""
  del known
  return [text.read for text in wanted]


def first_words(known: Sequence[Text], wanted: Sequence[Text]) -> list[str]:
  """As many of the first words as texts of training have in the mean."""
  count = round(np.mean([len(text.right.split()) for text in known]))
  return [' '.join(text.read.split()[:count]) for text in wanted]


def first_sentence(known: Sequence[Text], wanted: Sequence[Text]) -> list[str]:
  """What is read, up to where its first sentence ends."""
  del known
  return [re.split(r'(?<=[.!?])\s', text.read)[0] for text in wanted]


def any_of_them(known: Sequence[Text], wanted: Sequence[Text]) -> list[str]:
  """One of those that could be it, by chance."""
  del known
  rng = np.random.default_rng(0)
  return [text.among[rng.integers(len(text.among))] for text in wanted]


def most_alike(known: Sequence[Text], wanted: Sequence[Text]) -> list[str]:
  """That of the first line that has most words of the question."""
  del known
  found = []
  for text in wanted:
    asked = _words(text.question)
    shared = [len(asked & _words(line)) for line in text.read.splitlines()]
    found.append(text.among[int(np.argmax(shared))])
  return found


def _words(text: str) -> set[str]:
  return set(re.findall(r'[\w.+-]*\w', text.lower()))


def _stamps_tasks(data: StampsTasks, split: str) -> list[Text]:
  directory = data.stamps.prepared()
  cached = 'test' if split == 'test' else 'train'
  return [
    Text(item.answer, asked=item.prompt or item.source, read=item.source)
    for stamp in stamps_cache.read_split(directory, cached)
    if splits.is_in(split, stamp.name, train_on=data.stamps.train_on)
    for item in data.task.evaluation(stamp)
  ]
