"""Configs as plain JSON: to keep, and to compare."""

import dataclasses
from collections.abc import Mapping
from typing import Any


def is_object(value: Any) -> bool:
  """Whether it is a dataclass's instance, such as a module."""
  return dataclasses.is_dataclass(value) and not isinstance(value, type)


def fields_of(value: Any) -> list[dataclasses.Field]:
  """The fields that a config sets."""
  # Linen keeps its own bookkeeping in fields of these names.
  return [
    field
    for field in dataclasses.fields(value)
    if field.name not in ('parent', 'name')
  ]


def to_json(value: Any) -> Any:
  """The value as plain JSON: dataclasses as dicts that name their type."""
  if is_object(value):
    return {
      '_type': type(value).__qualname__,
      **{f.name: to_json(getattr(value, f.name)) for f in fields_of(value)},
    }
  if isinstance(value, Mapping):
    return {str(k): to_json(v) for k, v in value.items()}
  if isinstance(value, (list, tuple)):
    return [to_json(v) for v in value]
  if value is None or isinstance(value, (bool, int, float, str)):
    return value
  return getattr(value, '__qualname__', str(value))


def differences(old: Any, new: Any, path: str = '') -> list[str]:
  """Where two values of `to_json` differ, as `path: old -> new`."""
  if isinstance(old, dict) and isinstance(new, dict):
    found = []
    for key in sorted(old.keys() | new.keys()):
      where = f'{path}.{key}' if path else key
      found += differences(old.get(key), new.get(key), where)
    return found
  return [] if old == new else [f'{path}: {old} -> {new}']
