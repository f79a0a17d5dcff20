"""What is one object in several places of a config stays one."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from mmjax.train.plain import fields_of, is_object


def same_again(default: Any, given: Any) -> Any:
  """Makes one of what was one object in `default` and is still equal.

  Reading options builds every object anew. But a module that stands in two
  places of a model, such as an embedding that encoder and decoder share, has
  one set of parameters only if it is one object.

  Args:
    default: a config as its file has it.
    given: the same with options applied.

  Returns:
    `given`, in which such modules are one object.
  """
  return _Same().walk(default, given)


class _Same:
  """Remembers what became of each object of the default."""

  def __init__(self):
    self._became: dict[int, Any] = {}

  def walk(self, old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
      return {k: self.walk(old.get(k), value) for k, value in new.items()}
    if isinstance(old, tuple) and type(new) is tuple and len(old) == len(new):
      return tuple(map(self.walk, old, new))
    if not is_object(old) or type(old) is not type(new):
      return new
    known = self._became.get(id(old))
    if known is not None and known == new:
      return known
    parts = {f.name: getattr(new, f.name) for f in fields_of(new) if f.init}
    made = {k: self.walk(getattr(old, k), part) for k, part in parts.items()}
    if any(made[name] is not parts[name] for name in made):
      built: Any = new
      new = dataclasses.replace(built, **made)
    self._became.setdefault(id(old), new)
    return new
