"""The code on the pages about adding something runs, and so do its tests."""

import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[1] / 'docs').glob('add_a_*.md'))


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_the_code_of_the_page_runs(page):
  blocks = re.findall(r'^```python\n(.*?)^```', page.read_text(), re.S | re.M)
  names = {'__name__': page.stem}
  for block in blocks:
    exec(compile(block, str(page), 'exec'), names)
  tests = [name for name in names if name.startswith('test_')]
  assert tests
  for name in tests:
    names[name]()
