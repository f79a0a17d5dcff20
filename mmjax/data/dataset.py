"""What a data set is to the rest of mmjax."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from mmjax.types import InputError

Example = dict[str, Any]
SPLITS = ('train', 'validation', 'test')


@runtime_checkable
class Dataset(Protocol):
  """Raw examples and how they become arrays: a frozen, picklable dataclass.

  Splits are 'train', 'validation' and 'test'. A `view` is another way to lay
  out a split, for an evaluator; every data set has 'default'.
  """

  @property
  def on_error(self) -> Literal['raise', 'skip']:
    """What to do with a record that cannot be read."""
    ...

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """Names of the values of each integer target."""
    ...

  def check(self) -> None:
    """Looks, without writing, whether the data can be used.

    Raises:
      InputError: it cannot; the message says what to do.
    """
    ...

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Raw examples of a split, by random access.

    Raises:
      InputError: there is no such split or view.
    """
    ...

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """Arrays of static shapes, without batch axis, from one raw example.

    Args:
      example: what `source` holds.
      rng: all randomness of training; None in evaluation.

    Returns:
      One array per key, and `'mask'`, a dict of them.

    Raises:
      RecordError: this one record cannot be used.
    """
    ...


@runtime_checkable
class Shared(Protocol):
  """A data set of parts that training draws from in turns."""

  def shares(self) -> Sequence[tuple[range, float]]:
    """Rows of each part in 'train', and how often it is drawn."""
    ...


@runtime_checkable
class Foreign(Protocol):
  """A data set whose models can be used on pictures, texts and sounds that are
  not its own."""

  def as_records(self, root: str = '') -> Any:
    """`mmjax.data.sources.Records` that prepares what stands at `root` as this
    data set prepares its own."""
    ...


def check_name(what: str, name: str, names: Iterable[str]) -> None:
  """Checks that a name is one of those that there are.

  Raises:
    InputError: it is not; the message gives the nearest and all of them.
  """
  names = tuple(names)
  if name in names:
    return
  near = difflib.get_close_matches(name, names, n=1)
  raise InputError(
    f'there is no {what} {name!r}'
    + (f', perhaps {near[0]!r}' if near else '')
    + f': there are {", ".join(names)}'
  )
