"""The examples in docstrings say what they really give."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = [
  '.'.join(path.relative_to(ROOT).with_suffix('').parts)
  for path in sorted((ROOT / 'mmjax').rglob('*.py'))
  if '>>>' in path.read_text()
]


@pytest.mark.slow
@pytest.mark.parametrize('name', MODULES)
def test_examples_hold(name):
  found = doctest.testmod(importlib.import_module(name))
  assert found.attempted > 0
  assert found.failed == 0
