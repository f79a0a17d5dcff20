"""Questions on passages about Debian's packages, answered by a span of them.

Passages and questions are generated: from the records of the package manager's
index, which is read where it is installed, and the phrases below
(https://www.debian.org/doc/debian-policy/ch-controlfields.html).
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int

from mmjax.data import splits, subwords
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import apt
from mmjax.data.datasets.passages_phrases import KINDS, QUESTIONS, STATEMENTS
from mmjax.data.subwords import Subwords
from mmjax.types import InputError

_INDEX = '*_binary-*_Packages*'
_HINT = 'run `apt-get update`'


class Record(NamedTuple):
  """A package's name, and by kind what is known of it."""

  name: str
  facts: Mapping[str, str]


class Asked(NamedTuple):
  """A question, what to read, and the answer.

  Attributes:
    question: about one of the packages.
    passage: a fact of one of them in each line.
    answer: a span of one line.
    kind: what is asked for.
    values: what the lines tell, any of which could be the answer.
  """

  question: str
  passage: str
  answer: str
  kind: str
  values: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Passages:
  """The data set.

  A passage tells the same kinds of facts of a few packages, in any order and
  several phrasings, and the question is about one of them: neither its kind nor
  its package alone tells which span is the answer. The split is by the MD5 of
  that package's name; the others are of the same split. Training draws phrases,
  order and other packages anew each time. The only view is 'default'.
  """

  root: str = '/var/lib/apt/lists'
  """Folder of the package manager's lists."""
  cache: str = '~/.cache/mmjax'
  """Folder for the vocabulary, which is learned once."""
  vocabulary: int = 4096
  """Token ids: byte-level BPE, learned from the training split."""
  length: int = 120
  """Tokens of the question and the passage."""
  answer_length: int = 20
  """Tokens of an answer."""
  packages: int = 2
  """How many a passage is about."""
  facts: int = 2
  """Most facts of each of them."""
  evaluated: int = 2000
  """Most questions of 'validation' and of 'test'."""
  train_on: Literal['train', 'train_and_validation'] = 'train'
  """Whether 'train' leaves out 'validation', a seventh of it."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """Nothing can be wrong with one record."""

  def __post_init__(self):
    for name in ('packages', 'facts', 'evaluated'):
      if getattr(self, name) < 1:
        raise InputError(f'{name} {getattr(self, name)} is below 1')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """What can be asked for."""
    return {'kind': KINDS}

  def check(self) -> None:
    """Looks whether there is an index.

    Raises:
      InputError: there is none.
    """
    apt.files(self.root, _INDEX, hint=_HINT)

  @functools.cached_property
  def tokenizer(self) -> Subwords:
    """Of the answers; learned at first, which takes some seconds.

    Raises:
      InputError: the vocabulary cannot be kept.
    """
    texts = [
      line
      for record in self._records('train', train_on='train')
      for line in _statements(record)
    ]
    file = subwords.learn_once(
      texts, self.cache, name='passages', vocabulary=self.vocabulary
    )
    return Subwords(file=file, length=self.answer_length)

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Records of a split; the first call reads the index.

    Raises:
      InputError: there is no such split or view, or no index.
    """
    check_name('split of passages', split, SPLITS)
    check_name('view of passages', view, ('default',))
    records = self._records(split, train_on=self.train_on)
    asked = records
    if split != 'train':
      asked = sorted(records, key=lambda r: splits.number_of(r.name))[
        : self.evaluated
      ]
    tokenizer = self.tokenizer
    return [
      {'record': r, 'others': records, 'tokenizer': tokenizer} for r in asked
    ]

  def ask(self, example: Example, rng: np.random.Generator | None) -> Asked:
    """A question about the record; without `rng` always the same one."""
    record: Record = example['record']
    rng = rng or np.random.default_rng(splits.number_of(record.name))
    told = [record, *self._others(example, rng)]
    shared = [k for k in KINDS if all(k in r.facts for r in told)]
    kinds = rng.permutation(shared)[: self.facts].tolist()
    facts = [(r.name, k, r.facts[k]) for r in told for k in kinds]
    facts = [facts[i] for i in rng.permutation(len(facts))]
    lines = [
      _pick(STATEMENTS[kind], rng).format(name=name, value=value)
      for name, kind, value in facts
    ]
    kind = kinds[0]
    return Asked(
      question=_pick(QUESTIONS[kind], rng).format(name=record.name),
      passage='\n'.join(lines),
      answer=record.facts[kind],
      kind=kind,
      values=tuple(value for _, _, value in facts),
    )

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One question.

    Returns:
      document int32 [length], the question, an end token and the passage; text
      int32 [answer_length], the answer; kind, int32; masks.
    """
    tokenizer, asked = example['tokenizer'], self.ask(example, rng)
    longer = dataclasses.replace(tokenizer, length=self.length)
    document, document_mask = longer(
      subwords.spaced(asked.question), subwords.spaced(asked.passage)
    )
    text, text_mask = tokenizer(subwords.spaced(asked.answer))
    return {
      'document': document,
      'text': text,
      'kind': np.int32(KINDS.index(asked.kind)),
      'mask': {'document': document_mask, 'text': text_mask},
    }

  def _others(
    self, example: Example, rng: np.random.Generator
  ) -> Sequence[Record]:
    """The other packages of the passage; of one kind of fact at least."""
    record: Record = example['record']
    some = rng.choice(len(example['others']), 8 * self.packages)
    names, found = {record.name}, []
    for other in (example['others'][i] for i in some):
      # What all of them have in common must be something.
      if other.name not in names and other.facts.keys() >= _ALWAYS:
        names.add(other.name)
        found.append(other)
    return found[: self.packages - 1]

  def _records(self, split: str, *, train_on: str) -> list[Record]:
    records = _read(apt.files(self.root, _INDEX, hint=_HINT))
    return [
      r for r in records if splits.is_in(split, r.name, train_on=train_on)
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnswerTokenizer:
  """Decodes answers; nothing is read or learned before it is asked to."""

  passages: Passages = Passages()
  """The data set."""

  def decode(self, ids: Int[np.ndarray, ' t']) -> str:
    """Text up to the first end token."""
    return self.passages.tokenizer.decode(ids).strip()


def parse(lines: Iterator[str]) -> Iterator[Record]:
  """Records of an index; those that lack what all should have are left out."""
  fields: dict[str, str] = {}
  for row in (*lines, ''):
    row = row.rstrip('\n')
    name, colon, value = row.partition(': ')
    if colon and not row.startswith(' '):
      fields[name] = value
    elif not row:
      facts = _facts(fields)
      if 'Package' in fields and facts.keys() >= _ALWAYS:
        yield Record(fields['Package'], facts)
      fields = {}


_ALWAYS = frozenset({'section', 'version', 'maintainer', 'summary'})


def _facts(fields: Mapping[str, str]) -> dict[str, str]:
  """What can be asked for, shortened to what an answer would be."""
  size = fields.get('Installed-Size')
  first = re.split(r'[ ,|:(]', fields.get('Depends', ''))[0]
  found = {
    'section': fields.get('Section'),
    'version': fields.get('Version'),
    'maintainer': fields.get('Maintainer', '').partition(' <')[0],
    'homepage': fields.get('Homepage', '').rstrip('/'),
    'size': f'{size} kB' if size else None,
    'needs': first,
    'summary': fields.get('Description', '').strip(),
  }
  return {kind: value for kind, value in found.items() if value}


def _statements(record: Record) -> Iterator[str]:
  """One about each fact, and its question, to learn a vocabulary from."""
  for i, (kind, value) in enumerate(record.facts.items()):
    turn = (i + len(record.name)) % 3
    for phrase in (QUESTIONS, STATEMENTS):
      told = phrase[kind][turn].format(name=record.name, value=value)
      yield subwords.spaced(told)


def _pick(phrases: Sequence[str], rng: np.random.Generator) -> str:
  return phrases[int(rng.integers(len(phrases)))]


@functools.lru_cache(maxsize=2)
def _read(files: tuple[str, ...]) -> Sequence[Record]:
  found: dict[str, Record] = {}
  for file in files:
    for record in parse(iter(apt.text(file).splitlines())):
      found.setdefault(record.name, record)
  if not found:
    raise InputError(f'no package is described in {", ".join(files)}')
  return list(found.values())
