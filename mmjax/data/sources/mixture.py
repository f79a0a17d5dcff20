"""Several data sets as one, each drawn as often as its weight says."""

import bisect
import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax
import numpy as np

from mmjax.data.dataset import Example, Foreign
from mmjax.data.errors import RecordError
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixture:
  """A data set of data sets, whose arrays have the same shapes.

  What a part lacks is masked in its examples, and a target that it lacks is -1,
  unknown. Classes of the same name are one class. In training the parts take
  turns, each in an order of its own; evaluation sees all of them, one behind
  the other.
  """

  parts: Mapping[str, Any]
  """The data sets, such as `Records`."""
  weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
  """How often training draws from each; one that is not named counts 1."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """Stop at records that cannot be read, or go without them, counted."""

  def __post_init__(self):
    if not self.parts:
      raise InputError('a mixture needs parts')
    for name, weight in self.weights.items():
      if name not in self.parts:
        raise InputError(
          f'weights.{name} is none of the parts {", ".join(self.parts)}'
        )
      if not 0 < weight < float('inf'):
        raise InputError(f'weights.{name} {weight} is not positive')

  @functools.cached_property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """Those of all parts, in their order."""
    found: dict[str, dict[str, None]] = {}
    for part in self.parts.values():
      for target, names in part.classes.items():
        found.setdefault(target, {}).update(dict.fromkeys(names))
    return {target: tuple(names) for target, names in found.items()}

  def as_records(self, root: str = '') -> Any:
    """As the first part that knows how."""
    for part in self.parts.values():
      if isinstance(part, Foreign):
        return part.as_records(root)
    raise InputError('no part of this mixture prepares what is not its own')

  def check(self) -> None:
    """Looks at each part.

    Raises:
      InputError: one cannot be used, or their arrays differ in shape.
    """
    for part in self.parts.values():
      part.check()
    _ = self._blanks

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Examples of all parts, one part behind the other.

    Raises:
      InputError: a part has no such split or view.
    """
    return _Chain({n: p.source(split, view) for n, p in self.parts.items()})

  def shares(self) -> Sequence[tuple[range, float]]:
    """Rows of each part in 'train', and its weight."""
    ends = self._ends
    return [
      (range(start, end), float(self.weights.get(name, 1.0)))
      for name, (start, end) in zip(
        self.parts, itertools.pairwise([0, *ends]), strict=True
      )
    ]

  @functools.cached_property
  def _ends(self) -> list[int]:
    lengths = [len(part.source('train')) for part in self.parts.values()]
    return list(itertools.accumulate(lengths))

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """Arrays of one example of a part, with those of the others, masked.

    Raises:
      RecordError: this one example cannot be used.
    """
    name = example['part']
    found = dict(self.parts[name].prepare(example['example'], rng))
    for target, numbers in self._numbers[name].items():
      label = int(found[target])
      found[target] = np.int32(numbers[label] if label >= 0 else -1)
    blank = self._blanks
    mask = {**blank['mask'], **found['mask']}
    return {**blank, **found, 'mask': mask}

  @functools.cached_property
  def _numbers(self) -> Mapping[str, Mapping[str, Sequence[int]]]:
    """Number of each class of a part among all classes."""
    return {
      name: {
        target: [self.classes[target].index(n) for n in names]
        for target, names in part.classes.items()
      }
      for name, part in self.parts.items()
    }

  @functools.cached_property
  def _blanks(self) -> Example:
    """Zeros for every array that any part has, and -1 for targets."""
    found: dict[str, Any] = {}
    masks: dict[str, Any] = {}
    owner: dict[str, str] = {}
    for name, part in self.parts.items():
      zeros = jax.tree.map(np.zeros_like, _first(part))
      for key, x in zeros['mask'].items():
        masks.setdefault(key, x)
      for key, x in zeros.items():
        shape = jax.tree.map(np.shape, x)
        if key == 'mask':
          continue
        if key in found and jax.tree.map(np.shape, found[key]) != shape:
          raise InputError(
            f'{key} is {shape} in {name}, '
            f'{jax.tree.map(np.shape, found[key])} in {owner[key]}'
          )
        found.setdefault(key, np.int32(-1) if key in self.classes else x)
        owner.setdefault(key, name)
    return {**found, 'mask': masks}


def _first(part: Any) -> Example:
  """Arrays of the first example that can be read."""
  source = part.source('train')
  error = None
  for raw in source:
    try:
      return part.prepare(raw, None)
    except RecordError as e:
      if part.on_error == 'raise':
        raise
      error = error or e
  raise InputError(f'no training example of a part can be read: {error}')


class _Chain(Sequence[Example]):
  """Examples of the parts, which tell their part."""

  def __init__(self, sources: Mapping[str, Sequence[Example]]):
    self._names, self._sources = list(sources), list(sources.values())
    self._ends = list(itertools.accumulate(map(len, self._sources)))

  def __len__(self) -> int:
    return self._ends[-1]

  def __getitem__(self, index: int) -> Example:
    if not 0 <= index < len(self):
      raise IndexError(index)
    number = bisect.bisect_right(self._ends, index)
    source = self._sources[number]
    example = source[index - self._ends[number] + len(source)]
    return {'part': self._names[number], 'example': example}
