"""Debian's packages: a description of each, and one line that sums it up.

About 60,000 of them, in the English translation index of the package manager,
which is read where it is installed
(https://www.debian.org/doc/debian-policy/ch-controlfields.html#description).
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
from mmjax.data.subwords import Subwords
from mmjax.types import InputError

_INDEX = '*_i18n_Translation-en*'
_HINT = 'run `apt-get -o Acquire::Languages=en update`'
_SPACE = re.compile(r'\s+')
VIEWS = ('default', 'unseen')


class Package(NamedTuple):
  """A package's name, its line and its description."""

  name: str
  line: str
  description: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Packages:
  """The data set.

  The split is fixed: by the MD5 of a package's name. But packages come in
  families that share paragraphs. Views:

    default: all packages of a split.
    unseen: those of which no paragraph stands in a training package, which is
      the honest test of summaries.
  """

  root: str = '/var/lib/apt/lists'
  """Folder of the package manager's lists."""
  cache: str = '~/.cache/mmjax'
  """Folder for the vocabulary, which is learned once."""
  vocabulary: int = 8192
  """Token ids: byte-level BPE, learned from the training split."""
  length: int = 128
  """Tokens of a description, the rest is cut."""
  line_length: int = 24
  """Tokens of a line."""
  evaluated: int = 3000
  """Most packages of each view of 'validation' and 'test', by the MD5 of their
  names."""
  train_on: Literal['train', 'train_and_validation'] = 'train'
  """Whether 'train' leaves out 'validation', a seventh of it."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """Nothing can be wrong with one package."""

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """There are none."""
    return {}

  def check(self) -> None:
    """Looks whether there is an index.

    Raises:
      InputError: there is none.
    """
    _files(self.root)

  @functools.cached_property
  def tokenizer(self) -> Subwords:
    """Of the lines; learned at first, which takes some seconds.

    Raises:
      InputError: the vocabulary cannot be kept.
    """
    packages = _read(_files(self.root))
    texts = [
      subwords.spaced(f'{p.description}\n{p.line}')
      for p in packages
      if splits.split_of(p.name) == 'train'
    ]
    file = subwords.learn_once(
      texts, self.cache, name='packages', vocabulary=self.vocabulary
    )
    return Subwords(file=file, length=self.line_length)

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Packages of a split; the first call reads the index.

    Raises:
      InputError: there is no such split or view, or no index.
    """
    check_name('split of packages', split, SPLITS)
    check_name('view of packages', view, VIEWS)
    packages = _read(_files(self.root))
    known: frozenset[str] = frozenset()
    if view == 'unseen':
      # None of 'validation' is unseen where it is trained on: those are
      # looked at then that would be, were it not.
      train_on = 'train' if split == 'validation' else self.train_on
      known = frozenset(
        paragraph
        for p in packages
        if splits.is_in('train', p.name, train_on=train_on)
        for paragraph in _paragraphs(p)
      )
    found = [
      p
      for p in packages
      if splits.is_in(split, p.name, train_on=self.train_on)
      and known.isdisjoint(_paragraphs(p))
    ]
    if split != 'train':
      some = sorted(found, key=lambda p: splits.number_of(p.name))
      found = some[: self.evaluated]
    tokenizer = self.tokenizer
    return [{'package': p, 'tokenizer': tokenizer} for p in found]

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One package; draws nothing.

    Returns:
      document int32 [length], the description; text int32 [line_length]; their
      masks.
    """
    del rng
    tokenizer, package = example['tokenizer'], example['package']
    longer = dataclasses.replace(tokenizer, length=self.length)
    document, document_mask = longer(subwords.spaced(package.description))
    text, text_mask = tokenizer(subwords.spaced(package.line))
    return {
      'document': document,
      'text': text,
      'mask': {'document': document_mask, 'text': text_mask},
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class LineTokenizer:
  """Decodes lines; nothing is read or learned before it is asked to."""

  packages: Packages = Packages()
  """The data set."""

  def decode(self, ids: Int[np.ndarray, ' t']) -> str:
    """Text up to the first end token."""
    return self.packages.tokenizer.decode(ids).strip()


def _paragraphs(package: Package) -> Sequence[str]:
  return package.description.split('\n')


def parse(lines: Iterator[str]) -> Iterator[Package]:
  """Packages of an index; those without a description are left out."""
  name = line = ''
  paragraphs: list[str] = []

  def found() -> Iterator[Package]:
    texts = [_SPACE.sub(' ', text).strip() for text in paragraphs]
    description = '\n'.join(text for text in texts if text)
    if name and line and description:
      yield Package(name, line, description)

  for row in lines:
    row = row.rstrip('\n')
    if row.startswith('Package: '):
      yield from found()
      name, line, paragraphs = row.removeprefix('Package: '), '', []
    elif row.startswith('Description-en: '):
      line = _SPACE.sub(' ', row.removeprefix('Description-en: ')).strip()
      paragraphs = ['']
    elif row == ' .':
      paragraphs.append('')
    elif row.startswith(' ') and paragraphs:
      paragraphs[-1] += row
  yield from found()


def _files(root: str) -> tuple[str, ...]:
  return apt.files(root, _INDEX, hint=_HINT)


@functools.lru_cache(maxsize=2)
def _read(files: tuple[str, ...]) -> Sequence[Package]:
  found: dict[str, Package] = {}
  for file in files:
    for package in parse(iter(apt.text(file).splitlines())):
      found.setdefault(package.name, package)
  if not found:
    raise InputError(f'no package is described in {", ".join(files)}')
  return list(found.values())
