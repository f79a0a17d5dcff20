"""Values that are made when they are first asked for."""

import threading
from collections.abc import Callable
from typing import Any

# One for all, as values may be copied; what makes them uses all cores anyway.
_LOCK = threading.RLock()


class Later:
  """A value that is made once, by the first who asks for it."""

  def __init__(self, make: Callable[[], Any]):
    """Remembers how."""
    self._make: Callable[[], Any] | None = make
    self._value: Any = None

  def __call__(self) -> Any:
    """The value; what raises is tried again by the next one who asks."""
    with _LOCK:
      if self._make is not None:
        self._value = self._make()
        self._make = None  # with all that it holds
      return self._value

  def __reduce__(self):
    """Copied to another process, it is made."""
    return _made, (self(),)


class Lazy:
  """A dataclass's field that takes a value, or a `Later` for one.

  Whoever reads the field gets the value.
  """

  def __set_name__(self, owner: type, name: str) -> None:
    """Learns the field's name."""
    self._name = f'_{name}'

  def __get__(self, instance: Any, owner: type | None = None) -> Any:
    """The value."""
    if instance is None:
      # To dataclasses, the field has no default.
      raise AttributeError(self._name)
    value = vars(instance)[self._name]
    return value() if isinstance(value, Later) else value

  def __set__(self, instance: Any, value: Any) -> None:
    """Keeps a value, or how to make it."""
    vars(instance)[self._name] = value


def _made(value: Any) -> Later:
  return Later(lambda: value)
