"""Parameters by name: `encoders_text/transformer/block_0/mlp/up/kernel`."""

import difflib
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax

from mmjax.types import InputError


def name_of(path: Sequence[Any]) -> str:
  """A key path of `jax.tree_util` as its keys with slashes between."""
  return jax.tree_util.keystr(tuple(path), simple=True, separator='/')


def map_named(function: Callable[..., Any], tree: Any, *rest: Any) -> Any:
  """`jax.tree.map` of `function(name, leaf, ...)`."""
  return jax.tree_util.tree_map_with_path(
    lambda path, *leaves: function(name_of(path), *leaves), tree, *rest
  )


def named_leaves(tree: Any) -> dict[str, Any]:
  """Name -> leaf, in the order of the tree."""
  return {
    name_of(path): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def check_patterns(option: str, patterns: Sequence[str]) -> None:
  """Raises ValueError unless all patterns are regular expressions."""
  for pattern in patterns:
    try:
      re.compile(pattern)
    except re.error as error:
      raise ValueError(
        f'{option} {pattern!r} is not a regular expression: {error}'
      ) from error


def require_matches(
  option: str, patterns: Sequence[str], names: Sequence[str]
) -> None:
  """Raises InputError unless each pattern is found in one of the names."""
  for pattern in patterns:
    if not any(re.search(pattern, name) for name in names):
      raise InputError(
        f'{option} {pattern!r} matches no parameter; '
        f'near are {", ".join(near(pattern, names)) or "none"}'
      )


def near(pattern: str, names: Sequence[str], count: int = 3) -> list[str]:
  """The paths, whole or cut short, that look most like a pattern."""
  prefixes = {
    '/'.join(name.split('/')[: i + 1]): None
    for name in names
    for i in range(name.count('/') + 1)
  }
  plain = re.sub(r'[^\w/]', '', pattern)
  return difflib.get_close_matches(plain, prefixes, n=count, cutoff=0.0)


def first_match(patterns: Sequence[str], name: str) -> str | None:
  """The first pattern that is found in the name, None if none is."""
  return next((p for p in patterns if re.search(p, name)), None)
